/** Why a value cannot be encoded; the path to it grows while the error travels up through the message. */
export class InvalidMessage extends Error {
  readonly #reason: string;
  #path = '';

  constructor(reason: string) {
    super(reason);
    this.name = 'InvalidMessage';
    this.#reason = reason;
  }

  /** Adds a step before the path known so far, such as `.routes`, `[3]` or the message's full name. */
  within(step: string): this {
    this.#path = step + this.#path;
    this.message = `${this.#path}: ${this.#reason}`;
    return this;
  }
}
