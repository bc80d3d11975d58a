/** What to do about what of cfengine 2 is not brought over, by section and by attribute. */

const ownConfiguration = 'lymph keeps no configuration: leave it with cfengine'

const sections: Readonly<Record<string, string>> = {
  import: 'bring each imported file over by itself',
  alerts: 'write a report promise',
  acl: 'ACLs are part of the baseline of a files promise',
  strategies: 'write classes with the hours you mean',
  methods: 'write a commands promise',
  packages: 'write a commands promise',
  ignore: 'write ignore in each files promise',
}

/** `the section tidy: is not brought over: lymph keeps no configuration: leave it with cfengine` */
export const sectionText = (name: string): string =>
  `the section ${name}: is not brought over: ${sections[name.toLowerCase()] ?? ownConfiguration} (control, classes, filters, files, processes and shellcommands are)`

const attributes: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  processes: {
    matches:
      'a promise is of each process that matches: write restart for none, and most for how many are acted on at once',
    include: 'write a filter with command',
    exclude: 'write a filter with command and result',
    umask: 'start it by a script of yours',
    owner: 'start it by a script of yours, or select by a filter with Owner',
    group: 'start it by a script of yours',
    chroot: 'start it by a script of yours',
    chdir: 'start it by a script of yours',
  },
  files: {
    links: 'links are never followed, and told as links',
    include: 'name the path itself, or leave out the others with ignore',
    filter: 'files are compared with a baseline, whoever they are: leave it out',
    acl: 'ACLs are part of the baseline',
    flags: 'the flags of BSD are not looked at: leave it out',
    rxdirs: 'a directory has the mode of its baseline: leave it out',
  },
  shellcommands: {
    umask: 'put it into a script and run that',
    chroot: 'put it into a script and run that',
    group: 'user names a user, whose group it is',
    preview: 'a dry run starts nothing: leave it out',
    noabspath: 'name the program by its full path',
  },
}

/** `matches= of processes is not brought over: ...` */
export const attributeText = (name: string, section: string): string =>
  `${name}= of ${section} is not brought over: ${attributes[section]?.[name] ?? 'leave it out, or write what it is for in a promise of its own'}`
