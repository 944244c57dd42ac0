/*
 * The least that some rows of the bench can cost: the system calls and the octets, and nothing else.
 *
 *     cc -O2 -o floor floor.c && ./floor MAILDIR COUNT
 *
 * MAILDIR is used up. Each line is a row's key and a value in its unit. COUNT messages are copied, removed and sent.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_MESSAGES 100000
#define MAX_OCTETS (4 << 20)
#define HEADER_OCTETS 4096

static char *names[MAX_MESSAGES];
static int count;
static char buffer[MAX_OCTETS];
static char answer[2 * MAX_OCTETS];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void tell(const char *row, double value) { printf("%s %.4f\n", row, value); }

/* The names of cur, and a rename for each file of new, as the first SELECT has it. */
static void scan(void) {
  DIR *d = opendir("new");
  struct dirent *e;
  while ((e = readdir(d))) {
    char from[600], to[600];
    if (e->d_name[0] == '.') continue;
    snprintf(from, sizeof from, "new/%s", e->d_name);
    snprintf(to, sizeof to, "cur/%s:2,", e->d_name);
    rename(from, to);
  }
  closedir(d);
  count = 0;
  d = opendir("cur");
  while ((e = readdir(d)))
    if (e->d_name[0] != '.' && count < MAX_MESSAGES) names[count++] = strdup(e->d_name);
  closedir(d);
}

static long read_file(const char *name, long most) {
  char path[600];
  snprintf(path, sizeof path, "cur/%s", name);
  int f = open(path, O_RDONLY);
  long n = f < 0 ? 0 : read(f, buffer, most);
  if (f >= 0) close(f);
  return n < 0 ? 0 : n;
}

/* LF to CRLF, which every whole body and every RFC822.SIZE needs. */
static long wire(long n) {
  long at = 0, from = 0;
  while (from < n) {
    char *end = memchr(buffer + from, '\n', n - from);
    long line = end ? end - (buffer + from) : n - from;
    memcpy(answer + at, buffer + from, line);
    at += line;
    from += line + 1;
    if (end) answer[at++] = '\r', answer[at++] = '\n';
  }
  return at;
}

static void bodies(int messages) {
  int ends[2];
  long total = 0;
  socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
  pid_t reader = fork();
  if (reader == 0) {
    close(ends[0]);
    while (read(ends[1], answer, sizeof answer) > 0);
    _exit(0);
  }
  close(ends[1]);
  double start = now();
  for (int i = 0; i < messages; i++) {
    long n = wire(read_file(names[i], MAX_OCTETS)), done = 0;
    total += n;
    while (done < n) done += write(ends[0], answer + done, n - done);
  }
  close(ends[0]);
  waitpid(reader, 0, 0);
  tell("bodies", total / 1e6 / ((now() - start) / 1e3));
}

static void set_flag(int i, const char *letters) {
  char from[600], to[600], *colon = strstr(names[i], ":2,");
  snprintf(from, sizeof from, "cur/%s", names[i]);
  snprintf(to, sizeof to, "cur/%.*s:2,%s", (int)(colon - names[i]), names[i], letters);
  rename(from, to);
  free(names[i]);
  names[i] = strdup(to + 4);
}

static void append(int messages) {
  int tmp = open("tmp", O_RDONLY), cur = open("cur", O_RDONLY);
  double start = now();
  for (int i = 0; i < messages; i++) {
    char from[100], to[100];
    snprintf(from, sizeof from, "tmp/append%d", i);
    snprintf(to, sizeof to, "cur/append%d:2,", i);
    int f = open(from, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (write(f, buffer, 4096) < 0) exit(1);
    fsync(f);
    close(f);
    rename(from, to);
    fsync(cur);
  }
  tell("append_1", messages / ((now() - start) / 1e3));
  close(tmp);
  close(cur);
}

int main(int argc, char **argv) {
  if (argc != 3 || chdir(argv[1]) != 0) return fprintf(stderr, "usage: floor MAILDIR COUNT\n"), 1;
  int changes = atoi(argv[2]);
  double start = now();
  scan();
  tell("select_10k_first", now() - start);
  if (changes > count) changes = count;

  start = now();
  for (int i = 0; i < count; i++) read_file(names[i], HEADER_OCTETS);
  double headers = now() - start;
  tell("fetch_headers_first", headers);
  tell("search_from_first", headers);

  start = now();
  for (int i = 0; i < count; i++) wire(read_file(names[i], MAX_OCTETS));
  double whole = now() - start;
  tell("fetch_size_first", whole);
  tell("fetch_full_first", whole);

  volatile long found = 0;
  start = now();
  for (int i = 0; i < count; i++) found += memmem(buffer, read_file(names[i], MAX_OCTETS), "bassoon", 7) != 0;
  tell("search_text", now() - start);

  bodies(changes);

  // As in the row: otherwise those that have the flag keep their name, and cost nothing.
  for (int i = 0; i < count; i++) set_flag(i, "");
  sync();
  start = now();
  for (int i = 0; i < count; i++) set_flag(i, "S");
  int cur = open("cur", O_RDONLY);
  fsync(cur);
  tell("store_all", now() - start);
  sync();
  start = now();
  set_flag(0, "FS");
  fsync(cur);
  tell("store_one", now() - start);

  mkdir("copies", 0700);
  int copies = open("copies", O_RDONLY);
  start = now();
  for (int i = 0; i < changes; i++) {
    char from[600], to[600];
    snprintf(from, sizeof from, "cur/%s", names[i]);
    snprintf(to, sizeof to, "copies/%s", names[i]);
    if (link(from, to) != 0) return perror("link"), 1;
  }
  fsync(copies);
  tell("copy", now() - start);
  start = now();
  for (int i = 0; i < changes; i++) {
    char path[600];
    snprintf(path, sizeof path, "copies/%s", names[i]);
    unlink(path);
  }
  fsync(copies);
  tell("expunge", now() - start);
  append(changes < 400 ? changes : 400);
  return 0;
}
