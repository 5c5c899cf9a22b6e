/** Something that must be true is not. `check` names the kind of it, which a shorter plan has to break as well. */
export class Violation extends Error {
  constructor(
    readonly check: string,
    message: string,
  ) {
    super(`${check}: ${message}`);
  }
}
