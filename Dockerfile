# Built by BuildKit and by the classic builder alike. To run it:
#
#   docker run --detach --name muster --restart unless-stopped --network host \
#     --read-only --cap-drop ALL --security-opt no-new-privileges \
#     --volume /var/run/docker.sock:/var/run/docker.sock:ro --group-add "$(stat -c %g /var/run/docker.sock)" \
#     --volume muster:/var/lib/muster \
#     --env MUSTER_REGISTRIES__CONSUL__URL=http://127.0.0.1:8500 muster
#
# Muster is not root, and the engine's socket belongs to root:docker, so it needs that group; its number differs from
# machine to machine. The host's network is what it finds the node's address on; without it, set MUSTER_NODE__ADDRESS.
# Name a configuration file by MUSTER_CONFIG rather than by -c: then the health check reads it too.
#
# There is no shell in it, and nothing else that Muster does not need: node, the C libraries that node is linked to, and
# Muster. Whoever gets in finds no tools, and scanners find no packages to complain of. To look into a running one:
# `docker exec muster muster status`, or `docker exec muster node -e …`. What it is made of: /opt/muster/sbom.cdx.json.

FROM node:24-bookworm-slim AS build
WORKDIR /opt/muster
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json ./
COPY src src
COPY adapters adapters
COPY page page
# "optional" is the TypeScript compiler, 32 MB (a peer of valibot).
# The program and its page as bundles, with all that they need of any package in them.
RUN npm run build:page && npm run build:program \
 && chmod 755 dist/src/main.js \
 && npm prune --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund
# All of the image, in its place. The list of packages is of what is installed, with the lock file's hashes; it needs no
# network. (`npm sbom --omit dev` would leave out what development needs as well.)
# Of the packages their licences and their names are kept, for whoever looks what is in the bundle; not their code.
# Without nsswitch.conf the C library asks name servers before /etc/hosts; `cp --parents` keeps the loader's own path.
COPY LICENSE ./
RUN install --directory /image/opt/muster /image/usr/local/bin /image/etc /image/var/lib/muster \
 && install --directory --mode=1777 /image/tmp \
 && sed -i '1s|.*|#!/usr/local/bin/node|' dist/src/main.js \
 && cp -r LICENSE package.json node_modules dist /image/opt/muster/ \
 && npm pkg delete devDependencies \
 && npm sbom --sbom-format cyclonedx > /image/opt/muster/sbom.cdx.json \
 && find /image/opt/muster/node_modules -type f ! -name package.json ! -iname 'licen[cs]e*' ! -iname 'notice*' -delete \
 && find /image/opt/muster/node_modules -empty -delete \
 && ln -s /opt/muster/dist/src/main.js /image/usr/local/bin/muster \
 && echo 'hosts: files dns' > /image/etc/nsswitch.conf \
 && cp "$(readlink -f "$(command -v node)")" /image/usr/local/bin/node \
 && ldd /image/usr/local/bin/node | grep -o '/[^ ]*' | xargs cp --parents --dereference --target-directory /image \
 && chroot /image /usr/local/bin/muster --version
# What V8 compiles at a start, kept for the next ones. Node keeps it by user and by kind of processor: where either is
# another one, it compiles anew. An engine or a registry to talk to is not needed for it.
RUN install --directory --owner=65532 /image/opt/muster/dist/compiled /image/tmp/warm \
 && cd /image/tmp/warm \
 && { env NODE_COMPILE_CACHE=/opt/muster/dist/compiled MUSTER_AUDIT__PATH=/tmp/warm/audit.jsonl MUSTER_LOG__LEVEL=silent \
      MUSTER_NODE__ID=build MUSTER_NODE__ADDRESS=127.0.0.1 MUSTER_REGISTRIES__CONSUL__URL=http://127.0.0.1:1 \
      timeout --signal=TERM 4 chroot --userspec=65532:65532 /image /usr/local/bin/muster run || [ $? = 124 ]; } \
 && rm -r /image/tmp/warm \
 && test -n "$(ls /image/opt/muster/dist/compiled/*)" \
 && chown -R 0:0 /image/opt/muster/dist/compiled && chmod -R a+rX,go-w /image/opt/muster/dist/compiled

FROM scratch
# The engine gives the labels to every container, so Muster never registers itself unless a label there says so.
LABEL org.opencontainers.image.title="Muster" \
      org.opencontainers.image.description="Keeps service registries equal to what really runs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      muster.enable="false"
# Threads look names up and write the audit log; where name servers do not answer, 4 of them are soon all waiting.
ENV PATH=/usr/local/bin NODE_ENV=production UV_THREADPOOL_SIZE=16 NODE_COMPILE_CACHE=/opt/muster/dist/compiled
COPY --from=build /image /
# Once more, for its owner: a new volume is given the folder's.
COPY --from=build --chown=65532:65532 /image/var/lib /var/lib
# A number, so that an orchestrator can tell that it is not root.
USER 65532:65532
# The audit log is all that Muster writes. Relative paths in the configuration, audit.path by default, end up here.
WORKDIR /var/lib/muster
VOLUME /var/lib/muster
# Reachable from outside only with http.listen 0.0.0.0:8590, which asks for an http.tokenFile.
EXPOSE 8590
HEALTHCHECK --interval=10s --timeout=6s --start-period=10s --retries=3 CMD ["muster", "health"]
ENTRYPOINT ["muster"]
CMD ["run"]
