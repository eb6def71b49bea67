const WIDTH = 30;

/** A bar on a terminal, one line a tenth elsewhere, nothing when quiet. */
export const progressBar = (label: string, quiet: boolean): ((percent: number) => void) => {
  if (quiet) return () => {};
  let last = -1;
  const step = process.stderr.isTTY ? 1 : 25;
  return (percent) => {
    const now = Math.floor(percent / step);
    if (now === last) return;
    last = now;
    const filled = Math.round((WIDTH * percent) / 100);
    const bar = `${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)}`;
    const line = `  ${label.padEnd(22)} ${bar} ${String(percent).padStart(3)} %`;
    process.stderr.write(
      process.stderr.isTTY ? `\r${line}${percent >= 100 ? '\n' : ''}` : `${line}\n`,
    );
  };
};
