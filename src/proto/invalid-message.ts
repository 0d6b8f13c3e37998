/** Why a value cannot be encoded; the path to it grows while the error travels up through the message. */
export class InvalidMessage extends Error {
  readonly #reason: string;
  #path = '';
  /** The value that is wrong, where the rule is about text. */
  readonly text: string | undefined;

  constructor(reason: string, text?: string) {
    super(reason);
    this.name = 'InvalidMessage';
    this.#reason = reason;
    this.text = text;
  }

  /** Where in the message: its full name, then fields and indices. */
  get path(): string {
    return this.#path;
  }

  /** What is wrong there, without the path. */
  get reason(): string {
    return this.#reason;
  }

  /** Adds a step before the path known so far, such as `.routes`, `[3]` or the message's full name. */
  within(step: string): this {
    this.#path = step + this.#path;
    this.message = `${this.#path}: ${this.#reason}`;
    return this;
  }
}
