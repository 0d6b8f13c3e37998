/** What the least careful of backends make of a path: everything that some of them decode, fold or take out. */

/** The path as such a backend looks for what serves it. */
export function decodedPath(target: string): string {
  let path = target.replace(/^[a-z]+:\/\/[^/]*/i, '').replace(/[?#].*$/, '');
  for (let round = 0; round < 4; round += 1) {
    path =
      path
        .replaceAll(/;[^/]*/g, '')
        .replaceAll(/%([0-9A-Fa-f]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
        .replaceAll('\\', '/')
        .replaceAll(/\u00c0[\u00ae\u00af]/g, (text) => (text.endsWith('\u00af') ? '/' : '.'))
        .split('\0')[0] ?? '';
  }
  const kept: string[] = [];
  for (const element of path.split('/')) {
    if (element === '..') kept.pop();
    else if (element !== '' && element !== '.') kept.push(element);
  }
  return `/${kept.join('/')}`;
}
