/** Model memory of this runner: a model is admitted by its peak need before anything of it is fetched. */
export class MemoryBudget {
  private readonly taken = new Map<string, number>();
  private used = 0;

  constructor(readonly totalBytes: number) {}

  get freeBytes(): number {
    return Math.max(0, this.totalBytes - this.used);
  }

  /** Takes `bytes` for `key`, unless there is no room; again for the same key is the same. */
  reserve(key: string, bytes: number): boolean {
    if (this.taken.has(key)) return true;
    if (bytes > this.freeBytes) return false;
    this.taken.set(key, bytes);
    this.used += bytes;
    return true;
  }

  release(key: string): void {
    const bytes = this.taken.get(key);
    if (bytes === undefined) return;
    this.taken.delete(key);
    this.used -= bytes;
  }
}
