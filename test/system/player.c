/*
 * Makes the system calls whose numbers are its arguments, and nothing else: no C start-up, no library, so that the
 * first call after execve is the first number. Arguments are such that every call fails or does nothing.
 * "c" makes the next number through int 0x80 (32-bit ABI of x86-64), "f" forks: the child plays the numbers up to "e".
 * "p" waits until it is killed.
 */
typedef long word;

#ifdef __aarch64__
enum { FORK = 220, WAIT4 = 260, EXIT_GROUP = 94 };

static word call(word number, word a, word b, word c)
{
  register word nr __asm__("x8") = number;
  register word x0 __asm__("x0") = a;
  register word x1 __asm__("x1") = b;
  register word x2 __asm__("x2") = c;
  register word x3 __asm__("x3") = -1;
  register word x4 __asm__("x4") = -1;
  register word x5 __asm__("x5") = -1;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(nr), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
}

/* A 64-bit program of arm64 cannot make 32-bit calls. */
static word call32(word number)
{
  return call(EXIT_GROUP, number, 0, 0);
}

/* clone with nothing shared; 17 is SIGCHLD. What call() passes beside is looked at by none of its flags. */
static word fork_call(void)
{
  return call(FORK, 17, 0, 0);
}

/* ppoll of nothing. */
static void wait_forever(void)
{
  register word nr __asm__("x8") = 73;
  register word x0 __asm__("x0") = 0;
  register word x1 __asm__("x1") = 0;
  register word x2 __asm__("x2") = 0;
  register word x3 __asm__("x3") = 0;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(nr), "r"(x1), "r"(x2), "r"(x3) : "memory");
}
#else
enum { FORK = 57, WAIT4 = 61, EXIT_GROUP = 231 };

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
  /* Nothing is pushed here: what is below the stack pointer is the compiler's to use. */
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(-1L), "c"(-1L), "d"(-1L)
                   : "memory", "r8", "r9", "r10", "r11");
  return result;
}

static word fork_call(void)
{
  return call(FORK, 0, 0, 0);
}

static void wait_forever(void)
{
  call(34, 0, 0, 0);
}
#endif

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
        word child = fork_call();
        if (child == 0) {
          depth++;
        } else {
          call(WAIT4, child, 0, 0);
          for (word open = 1; open; at++)
            open += *at == 'f' ? 1 : *at == 'e' ? -1 : 0;
        }
      } else if (*at == 'e') {
        at++;
        if (depth)
          call(EXIT_GROUP, 0, 0, 0);
      } else if (*at == 'p') {
        at++;
        wait_forever();
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
  call(EXIT_GROUP, 0, 0, 0);
  __builtin_unreachable();
}

#ifdef __aarch64__
__asm__(".globl _start\n_start:\n  mov x0, sp\n  bl play\n");
#else
__asm__(".globl _start\n_start:\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call play\n");
#endif
