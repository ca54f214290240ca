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

FROM node:24-bookworm-slim AS build
WORKDIR /opt/muster
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
COPY adapters adapters
COPY page page
# "optional" are the TypeScript compiler, 32 MB (a peer of valibot), and a native helper of ssh2 that nothing here uses.
RUN npm run build -- --declaration false --sourceMap false \
 && chmod 755 dist/src/main.js \
 && npm prune --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM node:24-bookworm-slim
# The engine gives the labels to every container, so Muster never registers itself unless a label there says so.
LABEL org.opencontainers.image.title="Muster" \
      org.opencontainers.image.description="Keeps service registries equal to what really runs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      muster.enable="false"
# Threads look names up and write the audit log; where name servers do not answer, 4 of them are soon all waiting.
ENV NODE_ENV=production UV_THREADPOOL_SIZE=16
RUN ln -s /opt/muster/dist/src/main.js /usr/local/bin/muster \
 && install --directory --owner=65532 --group=65532 /var/lib/muster
COPY LICENSE package.json /opt/muster/
COPY --from=build /opt/muster/node_modules /opt/muster/node_modules
COPY --from=build /opt/muster/dist /opt/muster/dist
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
