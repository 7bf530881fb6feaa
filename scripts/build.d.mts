/** Builds what changed; resolves to the number of files that were compiled. */
export function build(options?: { readonly quiet?: boolean; readonly bundled?: boolean }): Promise<number>;
