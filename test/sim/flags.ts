/** Of processes that simulate: a roomy nursery for all that lives briefly, and none of V8's helper threads, which cost more than they help. */
export const FLAGS = ["--max-semi-space-size=64", "--single-threaded"];
