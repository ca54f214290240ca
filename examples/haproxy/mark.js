// @ts-check
/**
 * What a server's name says, since the name is all that HAProxy keeps for us: whose it is, and which instance it stands
 * for. `muster:CLUSTER:NODE:SOURCE:TASK` and, where the instance's id is more than its task's, `:REST`. In names HAProxy
 * has letters, digits and `._:-`; everything else, `_` and `:` as well, is written as `_` and two hexadecimal digits.
 */

/**
 * @typedef {object} Mark
 * @property {string} cluster
 * @property {string} node
 * @property {string} source
 * @property {string} task
 * @property {string} instance
 */

/** @param {Mark} mark */
export function writeMark({ cluster, node, source, task, instance }) {
  if (instance !== task && !instance.startsWith(`${task}:`)) {
    throw new Error(`the id ${JSON.stringify(instance)} doesn't begin with the task ${JSON.stringify(task)}`);
  }
  const rest = instance === task ? [] : [instance.slice(task.length + 1)];
  return ["muster", ...[cluster, node, source, task, ...rest].map(encode)].join(":");
}

/**
 * @param {string} name
 * @returns {Mark | null} null: not a name that {@link writeMark} gives, so somebody else's
 */
export function readMark(name) {
  try {
    const [first, ...parts] = name.split(":");
    const [cluster = "", node = "", source = "", task = "", ...rest] = parts.map(decode);
    const mark = { cluster, node, source, task, instance: [task, ...rest].join(":") };
    // There is one way to write each: what reads alike but is written otherwise is no name of ours.
    return first === "muster" && writeMark(mark) === name ? mark : null;
  } catch {
    return null;
  }
}

/** @param {string} text throws URIError for half a surrogate pair */
function encode(text) {
  const escaped = encodeURIComponent(text).replace(
    /[_!~*'()]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return escaped.replaceAll("%", "_");
}

/** @param {string} part */
function decode(part) {
  return decodeURIComponent(part.replaceAll("_", "%"));
}
