/**
 * What each shipped profile was learned from: command lines for sh, run in the folder that `prepare` makes. Each line
 * is run with its output going nowhere, into a file, into a pipe and to a terminal, in two locales, so a line says
 * only what the program is asked to do. What is abuse rather than use (less starting a shell) is left out.
 */
export interface Program {
  binary: string
  /** Debian's package. */
  package: string
  runs: string[]
  /** Lines that bring their own terminal or redirection: run as they are. */
  plain: string[]
}

/** Makes the files the runs speak of. */
export const prepare = `
mkdir -p work/tree/a/b/c work/tree/empty work/many work/out work/locked
cd work
seq 1 40 > small; seq 1 200000 > big; : > empty; printf 'no end of line' > noend
head -c 3000000 /dev/urandom > random; head -c 70000 /dev/zero > zero
printf 'h\\303\\244ll\\303\\266 w\\303\\266rld\\n' > umlaut; printf 'a\\tb\\033[31mred\\033[0m\\n' > colours
seq 1 5000 | sed 's/.*/& a line that is rather longer than any terminal is wide, again and again and again and again &/' > wide
(cd many && seq 1 700 | sed 's/^/file-/' | xargs touch); touch 'odd name' -- '-dash' .hidden
for place in tree tree/a tree/a/b tree/a/b/c; do cp small big umlaut "$place/"; done
gzip -k small big random
ln -s small link; ln -s nowhere broken; ln small hard; ln -s tree dirlink; mkfifo pipe
chmod 000 locked; chown 12345:54321 umlaut 2>/dev/null; chmod u+s noend
truncate -s 3M sparse; printf x >> sparse
tar cf old.tar small tree; tar czf old.tgz small tree; tar cJf old.txz small; head -c 300 old.tar > cut.tar
head -c 500 big.gz > cut.gz; cp small.gz wrong.gz; printf junk >> wrong.gz
sha256sum small big umlaut > sums; sed 's/^..../0000/' sums > badsums; sha256sum --tag small > tagged
printf 'q' > keys.quit
printf '   bbdduuGg50pq' > keys.move; printf 'jjjkkk\\004\\025\\006\\002q' > keys.lines
printf '/1999\\rnnNq' > keys.search; printf '?7\\rnq' > keys.back; printf '/nothing like it\\r\\rq' > keys.missing
printf '&99\\rGgq' > keys.filter; printf 'mxG'"'"'xq' > keys.mark; printf 'hq\\rq' > keys.help
printf ':n:n:p:xq' > keys.files; printf ':e umlaut\\r q' > keys.edit; printf '%b' '-N\\r-S\\rGq' > keys.options
printf '=v' > keys.none; printf '=\\r\\014rRq' > keys.redraw; printf 'G:f\\rq' > keys.end; printf 'yq' > keys.yes
`

/** Options as they stand between bars. */
const options = (text: string) => text.split('|').map((part) => part.trim())

const ls = [
  '',
  ...options(`
  -l | -la | -R | -1 | -t | -S | -X | -U | -f | -h | -lh | -i | -n | -s | -d | -Q | -m | -x | -C |
  --full-time | -F | -p | -B | -b | -r | -lu | -lc | -L | -lL | -Z | -g | -o | -k | -w 40 | -T 4 |
  --color=always | -l --color=always | --group-directories-first | --sort=version | --author -l |
  -I "*a*" | -lR tree | -laR . | many | -l many | -lt many | small | -l small | small big | tree many |
  -d tree many | link | -l link broken | -l dirlink | -l dirlink/ | missing | -l missing small | locked |
  -l pipe | -l "odd name" | / | -l / | -la /etc | /proc | -l /dev | -l /usr/bin | /sys | -l /var/log |
  -ld /tmp | -l /proc/self/fd | --help | --version | --no-such-option | -l --time-style=long-iso | --zero |
  --hyperlink=always | -lZ small
`),
].map((given) => `ls ${given}`)

const tar = [
  ...options(`
  -c tree | -cz tree | -cJ tree | -cj tree | -c . | -c small big | -c --sparse sparse | -cv tree |
  -c missing | -c tree missing | -c link broken hard small pipe | -c --numeric-owner tree |
  -c --exclude "*big*" tree | -c --totals tree | -c many | -c --sort=name tree |
  -c --mtime=2020-01-01 tree | -c -h tree link | -ch dirlink
`),
].map((given) => `tar ${given.replace(/^(-c\w*)/, '$1 -f -')}`)

const tarFiles = [
  'tar -cf out/a.tar tree; tar -rf out/a.tar small; tar -uf out/a.tar big small; tar --delete -f out/a.tar small',
  'tar -df out/a.tar; tar -df out/a.tar tree/a; tar -Af out/a.tar old.tar; tar -Wcf out/w.tar small',
  ...[
    '-tf old.tar',
    '-tvf old.tar',
    '-tzf old.tgz',
    '-tvJf old.txz',
    '-tf cut.tar',
    '-tf small',
    '-tf missing',
    '-tf empty',
  ],
  ...[
    '-xf old.tar',
    '-xzf old.tgz',
    '-xaf old.tgz',
    '-xJf old.txz',
    '-xvf old.tar',
    '-xf old.tar tree/a',
    '-xf cut.tar',
  ],
  ...[
    '-xf old.tar missing',
    '-xOf old.tar small',
    '-xf old.tar --strip-components=1',
    '-xkf old.tar',
    '-xf old.tar --wildcards "*umlaut"',
  ],
  ...[
    '-xpf old.tar --same-owner',
    '-xmf old.tar --no-same-owner',
    '-xf old.tar --overwrite',
    '-xf old.tar -U',
    '-xSf old.tar',
  ],
  ...['--help', '--usage', '--version', '-f', '', '--no-such-option', '-cf'],
].map((options) =>
  options.startsWith('tar') ? options : `tar ${options.includes('-x') ? `-C out ${options}` : options}`,
)

const gzip = [
  ...options(`
  -c small | -c big | -c random | -c empty | -c zero | -1 -c big | -9 -c big | -cv big | -c small big |
  -c sparse | -dc small.gz | -dc big.gz | -dc random.gz | -t big.gz | -tv small.gz big.gz | -l big.gz |
  -lv small.gz random.gz | -dc cut.gz | -t cut.gz | -dc wrong.gz | -dc small | -c missing | -c tree |
  -c locked | -dc missing.gz | -n -c small | --rsyncable -c big | --help | --version | --no-such-option |
  -L | -t small | -c link | -c pipe-none
`),
].map((given) => `gzip ${given}`)

const gzipFiles = [
  'cp big small random out/; gzip out/big; gzip -k out/small; gzip -v out/random; gzip -d out/big.gz; gunzip -k out/random.gz',
  'cp small out/s; gzip -k out/s; gzip out/s </dev/null; gzip -f out/s; gzip -df out/s.gz; gzip -S .zz out/s; gzip -dS .zz out/s.zz',
  'cp -r tree out/t; gzip -r out/t; gzip -rv out/t; gzip -dr out/t; gzip -rl out/t; gzip -q out/t/small; gzip -N -d out/t/small.gz',
  'gzip <small >out/x.gz; gzip -d <out/x.gz; gzip <big | gzip -d | gzip -t; cat big small | gzip -9 >out/y.gz; gzip -l <out/y.gz',
  'gzip -dc <cut.gz; gzip -d <small; gzip <empty | gzip -dc; zcat small.gz big.gz; gunzip -c old.tgz; tar czf out/z.tgz tree',
  'gzip -c big >/dev/full; gzip -c big | head -c 100; gzip small.gz; gzip link; gzip -k --best noend; gzip -f -k noend',
]

const sha256sum = [
  ...options(`
  small | big | random | empty | zero | sparse | umlaut | small big random | -b small | -t small |
  --tag small big | -z small | -c sums | -c badsums | --quiet -c sums | --quiet -c badsums |
  --status -c sums | --strict -c sums | -w -c sums | -c tagged | -c small | -c missing |
  --ignore-missing -c sums | missing | small missing | tree | locked | link | broken | "odd name" |
  -- -dash | --help | --version | --no-such-option | many/* | /usr/bin/ls | /proc/cpuinfo | -c empty |
  /dev/null
`),
].map((given) => `sha256sum ${given}`)

const lessTerminal = [
  ...[
    'big',
    'small',
    'umlaut',
    'wide',
    '-N big',
    '-S wide',
    '-i big',
    '-M big',
    '-R colours',
    'colours',
    '-x4 small',
    'noend',
  ],
  ...[
    '+G big',
    '+/1999 big',
    '+500 big',
    'small big umlaut',
    '-X small',
    '-F big',
    '-s wide',
    'link',
    'sparse',
    '-e small',
    '-w big',
  ],
].flatMap((options) =>
  [
    'quit',
    'move',
    'lines',
    'search',
    'back',
    'missing',
    'filter',
    'mark',
    'help',
    'files',
    'edit',
    'options',
    'redraw',
    'end',
  ].map((keys) => `script -qec 'less ${options}' /dev/null <keys.${keys}`),
)

const lessPlain = [
  ...['', '-E', '-N', '-s', '-F', '-X', '-EX'].flatMap((option) => [
    ...['small', 'big', 'umlaut', 'empty', 'small big', 'wide', 'missing', 'tree', 'noend'].flatMap(
      (file) => [`less ${option} ${file} | cat`, `less ${option} ${file}`],
    ),
    `cat small | less ${option}`,
    `script -qec 'cat big | less ${option}' /dev/null <keys.move`,
    `script -qec 'less ${option} small' /dev/null <keys.quit`,
  ]),
  ...[
    'missing',
    'missing small',
    'tree',
    'random',
    'small.gz',
    'locked',
    'broken',
    'empty',
    'small missing big',
  ].flatMap((file) => [
    `script -qec 'less ${file}' /dev/null <keys.quit`,
    `script -qec 'less ${file}' /dev/null <keys.yes`,
    `script -qec 'less ${file}' /dev/null <keys.files`,
  ]),
  ...['-F small', '-FX small', '-FRX colours', '-F umlaut', '-FRSX wide', '-E empty'].map(
    (options) => `script -qec 'less ${options}' /dev/null <keys.quit`,
  ),
  'less --help',
  'less --version',
  'less --no-such-option',
  'less',
  'less -V | cat',
  'cat big | less | head -n 2',
  "script -qec 'seq 1 100000 | less' /dev/null <keys.search",
  "(sleep 0.3; printf '\\003q') | script -qec 'less +F small' /dev/null",
  "script -qec 'ls / | less -N' /dev/null <keys.move",
  "script -qec 'TERM=dumb less small' /dev/null <keys.lines",
  "script -qec 'TERM=vt100 less big' /dev/null <keys.move",
  "script -qec 'LESS=-FRX less big' /dev/null <keys.end",
]

export const programs: Record<string, Program> = {
  less: { binary: '/usr/bin/less', package: 'less', runs: [], plain: [...lessPlain, ...lessTerminal] },
  ls: {
    binary: '/usr/bin/ls',
    package: 'coreutils',
    runs: ls,
    plain: [
      'ls -l >/dev/full',
      'ls -l many | head -n 1',
      'ls >&-',
      'ls <&-',
      'LS_COLORS="di=34" ls --color=always',
      'TZ=Asia/Tokyo ls -l',
    ],
  },
  tar: {
    binary: '/usr/bin/tar',
    package: 'tar',
    runs: tar,
    plain: [
      ...tarFiles,
      'tar -cf - tree | tar -C out -xf -',
      'cat old.tgz | tar -tzf -',
      'cat old.tar | tar -x -C out',
      'tar -cf /dev/full tree',
    ],
  },
  gzip: { binary: '/usr/bin/gzip', package: 'gzip', runs: gzip, plain: gzipFiles },
  sha256sum: {
    binary: '/usr/bin/sha256sum',
    package: 'coreutils',
    runs: sha256sum,
    plain: [
      'sha256sum <small',
      'cat big | sha256sum',
      'sha256sum - <small',
      'sha256sum small >/dev/full',
      'sha256sum -c <sums',
      'sha256sum small >&-',
      'sha256sum <&-',
      'sha256sum - small <big',
    ],
  },
}
