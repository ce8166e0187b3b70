/** Items on their way from who makes them to who takes them, one by one. */
import { Deferred } from '../deferred.js';

type Result<Item> = IteratorResult<Item, undefined>;

export class Queue<Item> {
  #items: Item[] = [];
  /** Place of the next one to be taken. */
  #next = 0;
  /** Those who wait for an item, the first to get one first. */
  readonly #takers: Deferred<Result<Item>>[] = [];
  /** Resolves when all are taken. */
  #taken: Deferred<void> | null = null;
  /** No more will come: nothing, or an error for the next taker, comes behind what waits. */
  #end: { error: unknown } | 'none' | null = null;
  #isLeft = false;

  /** Puts them behind what waits. Resolves when all are taken, or nobody takes any more. */
  put(items: readonly Item[]): Promise<void> {
    if (this.#isLeft || items.length === 0) return Promise.resolve();
    const taken = (this.#taken ??= new Deferred());
    for (const item of items) {
      const taker = this.#takers.shift();
      if (taker === undefined) this.#items.push(item);
      else taker.resolve({ done: false, value: item });
    }
    this.#settle();
    return taken.promise;
  }

  /** Puts it in the place of what waits. */
  replace(item: Item): void {
    this.#clear();
    void this.put([item]);
  }

  /** No more will come. */
  end(): void {
    this.#finish('none');
  }

  /** No more will come; who takes what is behind the last item gets the error, once. */
  fail(error: unknown): void {
    this.#finish({ error });
  }

  /** Nobody takes any more: what waits is dropped, and so is what comes. */
  leave(): void {
    this.#isLeft = true;
    this.#clear();
  }

  /** @throws what it failed with */
  take(): Promise<Result<Item>> {
    const item = this.#items[this.#next];
    if (this.#next < this.#items.length) {
      this.#next++;
      this.#settle();
      return Promise.resolve({ done: false, value: item as Item });
    }
    const taker = new Deferred<Result<Item>>();
    this.#takers.push(taker);
    this.#settle();
    return taker.promise;
  }

  #finish(end: { error: unknown } | 'none'): void {
    this.#end ??= end;
    this.#settle();
  }

  #clear(): void {
    this.#items = [];
    this.#next = 0;
    this.#settle();
  }

  /** Says so where all is taken, and that no more will come where that is so. */
  #settle(): void {
    if (this.#next < this.#items.length) return;
    this.#items = [];
    this.#next = 0;
    this.#taken?.resolve();
    this.#taken = null;
    if (this.#end === null) return;
    for (const taker of this.#takers.splice(0)) {
      if (this.#end === 'none') taker.resolve({ done: true, value: undefined });
      else taker.reject(this.#end.error);
      this.#end = 'none';
    }
  }
}
