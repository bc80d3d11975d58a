/**
 * Real programs that make the calls they are told to: copies of perl, which can make any call by number and is on
 * every Debian. Each copy is a binary of its own to a sensor.
 */
import { copyFileSync, existsSync, realpathSync } from 'node:fs'
import { join } from 'node:path'

/** A call by number; what a child does while its parent waits; or a rest in ms. */
export type Step = number | { fork: Step[] } | { pauseMs: number }

const PERL = '/usr/bin/perl'

/** Why no program can be played here; undefined when it can. */
export function noPlayer(): string | undefined {
  return existsSync(PERL) ? undefined : `${PERL} is not installed`
}

/** Makes a program of this name in a folder; gives back its path as a sensor sees it. */
export function makeProgram(folder: string, name: string): string {
  const path = join(realpathSync(folder), name)
  if (!existsSync(path)) copyFileSync(PERL, path)
  return path
}

const SCRIPT = `
$| = 1;
my @todo = @ARGV;
sub play {
  while (@todo) {
    my $step = shift @todo;
    if ($step eq "E") { return }
    elsif ($step eq "F") {
      my $child = fork();
      if (!$child) { play(); exit 0 }
      waitpid $child, 0;
      my $open = 1;
      while ($open) { my $next = shift @todo; $open++ if $next eq "F"; $open-- if $next eq "E" }
    }
    elsif ($step =~ /^P(.*)/) { select undef, undef, undef, $1 / 1000 }
    else { syscall($step + 0, -1, 0, 0) }
  }
}
play();
`

const tokens = (steps: readonly Step[]): string[] =>
  steps.flatMap((step) =>
    typeof step === 'number'
      ? [String(step)]
      : 'fork' in step
        ? ['F', ...tokens(step.fork), 'E']
        : [`P${step.pauseMs}`],
  )

/** Arguments with which a made program plays these steps. */
export function playerArguments(steps: readonly Step[]): string[] {
  return ['-e', SCRIPT, ...tokens(steps)]
}
