/** Drops as people write them: micro-drops with the point six digits from the right. */
export function drops(amountMicro: string): string {
  const negative = amountMicro.startsWith('-');
  const digits = amountMicro.replace('-', '').padStart(7, '0');
  const whole = digits.slice(0, -6);
  const part = digits.slice(-6).replace(/0+$/, '');
  return `${negative ? '-' : ''}${whole}${part ? `.${part}` : ''} drops`;
}

/** The reverse, for amounts that a person types: `2.5` → `2500000`. Undefined where it is no amount. */
export function microOf(text: string): string | undefined {
  const match = /^(\d{1,20})(?:\.(\d{1,6}))?$/.exec(text);
  if (!match) return undefined;
  return BigInt(`${match[1]}${(match[2] ?? '').padEnd(6, '0')}`).toString();
}

export function printTable(header: readonly string[], rows: readonly (readonly string[])[]): void {
  if (rows.length === 0) {
    console.log('none');
    return;
  }
  const widths = header.map((name, column) => Math.max(name.length, ...rows.map((row) => (row[column] ?? '').length)));
  for (const row of [header, ...rows])
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
}
