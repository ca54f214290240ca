/** Names taken from image references such as `registry:5000/team/web:v1@sha256:…`. Pure. */

/** The reference without tag and digest. */
export function repositoryOf(reference: string): string {
  const [named = ""] = reference.split("@", 1);
  const slash = named.lastIndexOf("/");
  const colon = named.indexOf(":", slash + 1);
  return colon === -1 ? named : named.slice(0, colon);
}

/** The last part of the repository: `web`. */
export function baseNameOf(reference: string): string {
  const repository = repositoryOf(reference);
  return repository.slice(repository.lastIndexOf("/") + 1);
}

/**
 * Whether a reference names no repository but only an image id, whole or shortened.
 * @param imageId the id of the image that it refers to, `sha256:…`
 */
export function isImageId(reference: string, imageId: string): boolean {
  if (reference === "" || reference.startsWith("sha256:")) return true;
  return /^[0-9a-f]{6,64}$/.test(reference) && imageId.startsWith(`sha256:${reference}`);
}
