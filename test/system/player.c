/*
 * Makes the system calls whose numbers are its arguments, and nothing else: no C start-up, no library, so that the
 * first call after execve is the first number. Arguments are such that every call fails or does nothing.
 * "c" makes the next number through int 0x80 (32-bit ABI), "f" forks: the child plays the numbers up to "e".
 */
typedef long word;

static word call(word number, word a, word b, word c)
{
  word result;
  register word d __asm__("r10") = -1;
  register word e __asm__("r8") = -1;
  register word f __asm__("r9") = -1;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(d), "r"(e), "r"(f)
                   : "rcx", "r11", "memory");
  return result;
}

static word call32(word number)
{
  word result;
  __asm__ volatile("push %%rbx; mov $-1, %%rbx; int $0x80; pop %%rbx" : "=a"(result) : "a"(number), "c"(-1L), "d"(-1L)
                   : "memory", "r8", "r9", "r10", "r11");
  return result;
}

static word parse(const char **at)
{
  word value = 0;
  while (**at >= '0' && **at <= '9')
    value = value * 10 + *(*at)++ - '0';
  return value;
}

__attribute__((noreturn, used)) void play(word *stack)
{
  word count = stack[0], depth = 0, compat = 0;
  for (word i = 1; i < count; i++)
    for (const char *at = (const char *)stack[i + 1]; *at;) {
      if (*at == 'f') {
        at++;
        word child = call(57, 0, 0, 0);
        if (child == 0) {
          depth++;
        } else {
          call(61, child, 0, 0);
          for (word open = 1; open; at++)
            open += *at == 'f' ? 1 : *at == 'e' ? -1 : 0;
        }
      } else if (*at == 'e') {
        at++;
        if (depth)
          call(231, 0, 0, 0);
      } else if (*at == 'c') {
        at++;
        compat = 1;
      } else if (*at >= '0' && *at <= '9') {
        word number = parse(&at);
        if (compat)
          call32(number);
        else
          call(number, -1, -1, -1);
        compat = 0;
      } else {
        at++;
      }
    }
  call(231, 0, 0, 0);
  __builtin_unreachable();
}

__asm__(".globl _start\n_start:\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call play\n");
