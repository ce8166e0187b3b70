/** A promise that is settled from outside. */
export class Deferred<Value> {
  /** Nobody has to wait for it: a rejection that is not heard is no error. */
  readonly promise: Promise<Value>;
  /** The first call of the two counts. */
  readonly resolve: (value: Value) => void;
  readonly reject: (error: unknown) => void;

  constructor() {
    let settle: Pick<Deferred<Value>, 'resolve' | 'reject'> | undefined;
    this.promise = new Promise<Value>((resolve, reject) => {
      settle = { resolve, reject };
    });
    this.promise.catch(() => undefined);
    this.resolve = (value) => settle?.resolve(value);
    this.reject = (error) => settle?.reject(error);
  }
}
