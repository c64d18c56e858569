/* Preloaded: time passes FAST times as fast. Clocks run ahead, and every wait is shorter by as much,
   also those that Rust makes by calling futex itself, which libfaketime leaves alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define CLOCKS 8
#define NEXT(name) static __typeof__(&name) next; if (!next) next = dlsym(RTLD_NEXT, #name)

static long fast = 1;
static long long start[CLOCKS];

static long long nanos(const struct timespec *time) { return time->tv_sec * 1000000000LL + time->tv_nsec; }
static struct timespec spec(long long nanos) {
  if (nanos < 0) nanos = 0;
  return (struct timespec){nanos / 1000000000LL, nanos % 1000000000LL};
}
static int passes(clockid_t clock) {
  return clock >= 0 && clock < CLOCKS && clock != CLOCK_PROCESS_CPUTIME_ID && clock != CLOCK_THREAD_CPUTIME_ID;
}
/* When a fast clock shows this, a true one shows that. */
static struct timespec truly(clockid_t clock, const struct timespec *until) {
  return spec(start[clock] + (nanos(until) - start[clock]) / fast);
}
static struct timespec shorter(const struct timespec *wait) { return spec(nanos(wait) / fast); }

static int true_clock(clockid_t clock, struct timespec *time) {
  NEXT(clock_gettime);
  return next(clock, time);
}

__attribute__((constructor)) static void begin(void) {
  const char *text = getenv("FAST");
  struct timespec now;
  if (text && atol(text) > 0) fast = atol(text);
  for (clockid_t clock = 0; clock < CLOCKS; clock++)
    if (passes(clock) && true_clock(clock, &now) == 0) start[clock] = nanos(&now);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  int result = true_clock(clock, time);
  if (result == 0 && passes(clock)) *time = spec(start[clock] + (nanos(time) - start[clock]) * fast);
  return result;
}

int gettimeofday(struct timeval *time, void *zone) {
  struct timespec now;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &now);
  *time = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
  return 0;
}

time_t time(time_t *into) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (into) *into = now.tv_sec;
  return now.tv_sec;
}

long syscall(long number, ...) {
  NEXT(syscall);
  va_list list;
  long args[6];
  struct timespec wait;
  va_start(list, number);
  for (int i = 0; i < 6; i++) args[i] = va_arg(list, long);
  va_end(list);
  if (number == SYS_futex && args[3]) {
    int command = args[1] & FUTEX_CMD_MASK;
    const struct timespec *asked = (const struct timespec *)args[3];
    if (command == FUTEX_WAIT) wait = shorter(asked);
    if (command == FUTEX_WAIT_BITSET)
      wait = truly(args[1] & FUTEX_CLOCK_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC, asked);
    if (command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET) args[3] = (long)&wait;
  }
  return next(number, args[0], args[1], args[2], args[3], args[4], args[5]);
}

int epoll_wait(int epoll, struct epoll_event *events, int most, int wait) {
  NEXT(epoll_wait);
  return next(epoll, events, most, wait > 0 ? (int)((wait + fast - 1) / fast) : wait);
}

int nanosleep(const struct timespec *wait, struct timespec *left) {
  NEXT(nanosleep);
  struct timespec less = shorter(wait);
  return next(&less, left);
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *wait, struct timespec *left) {
  NEXT(clock_nanosleep);
  struct timespec less = flags & TIMER_ABSTIME && passes(clock) ? truly(clock, wait) : shorter(wait);
  return next(clock, flags, &less, left);
}
