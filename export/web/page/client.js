// The worker's tasks as promises.

export class Client {
  #waiting = new Map();
  #last = 0;
  #worker = new Worker("worker.js");

  constructor() {
    this.#worker.onmessage = ({ data: { id, result, error } }) => {
      const { resolve, reject } = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) resolve(result);
      else reject(new Error(error));
    };
    this.#worker.onerror = (event) => {
      this.#waiting.forEach(({ reject }) => reject(new Error(event.message || "A script could not be loaded.")));
      this.#waiting.clear();
    };
  }

  /** Runs a task of worker.js; a bitmap among what is given is handed over. */
  run(task, given = {}) {
    return new Promise((resolve, reject) => {
      const id = ++this.#last;
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, task, ...given }, given.bitmap ? [given.bitmap] : []);
    });
  }
}
