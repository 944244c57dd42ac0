/*
 * The least that some rows of the bench can cost: the system calls and the octets, and nothing else.
 *
 *     cc -O2 -o floor floor.c && ./floor MAILDIR COUNT FOLDERS
 *
 * MAILDIR is used up. Each line is a row's key and a value in its unit. COUNT messages are copied, removed and sent;
 * FOLDERS are made, and looked at.
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

/* A client: it says that it is there, and reads until `octets` have come or the other end is closed. */
static pid_t client(int *end, long octets) {
  int ends[2];
  socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
  pid_t reader = fork();
  if (reader == 0) {
    close(ends[0]);
    if (write(ends[1], "a", 1) != 1) _exit(1);
    for (long n; octets > 0 && (n = read(ends[1], answer, sizeof answer)) > 0;) octets -= n;
    _exit(0);
  }
  close(ends[1]);
  char ready;
  if (read(ends[0], &ready, 1) != 1) exit(1);
  *end = ends[0];
  return reader;
}

static void send_all(int end, const char *octets, long n) {
  for (long done = 0; done < n;) done += write(end, octets + done, n - done);
}

static void bodies(int messages) {
  int end;
  long total = 0;
  pid_t reader = client(&end, 1L << 62);
  double start = now();
  for (int i = 0; i < messages; i++) {
    long n = wire(read_file(names[i], MAX_OCTETS));
    total += n;
    send_all(end, answer, n);
  }
  close(end);
  waitpid(reader, 0, 0);
  double seconds = (now() - start) / 1e3;
  tell("bodies", total / 1e6 / seconds);
  tell("pop3_retr_pipelined", messages / seconds);
}

/* A line for each message, made from letters that are in memory, and read by a client. */
static void flags(void) {
  int end;
  pid_t reader = client(&end, 1L << 62);
  double start = now();
  long n = 0;
  for (int i = 0; i < count; i++) {
    n += sprintf(buffer + n, "* %d FETCH (FLAGS (%s))\r\n", i + 1, strchr(names[i], 'S') ? "\\Seen" : "");
    if (n > 65536) send_all(end, buffer, n), n = 0;
  }
  send_all(end, buffer, n);
  close(end);
  waitpid(reader, 0, 0);
  tell("fetch_flags", now() - start);
}

/* One small question and its answer between two processes, `looks` at the times of directories among them. */
static double round_trip(int looks) {
  enum { TIMES = 200 };
  int ends[2];
  char octets[200] = "";
  socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
  pid_t server = fork();
  if (server == 0) {
    struct stat status;
    close(ends[0]);
    while (read(ends[1], octets, sizeof octets) > 0) {
      for (int i = 0; i < looks; i++) stat(i % 2 ? "new" : "cur", &status);
      if (write(ends[1], octets, sizeof octets) < 0) break;
    }
    _exit(0);
  }
  close(ends[1]);
  double start = now();
  for (int i = 0; i < TIMES; i++) {
    if (write(ends[0], octets, 20) < 0) exit(1);
    for (long n = 0, more; n < (long)sizeof octets; n += more)
      if ((more = read(ends[0], octets, sizeof octets)) <= 0) exit(1);
  }
  double each = (now() - start) / TIMES;
  close(ends[0]);
  waitpid(server, 0, 0);
  return each;
}

/* Messages that a client asks for one by one, read and sent with their lines ended as the wire wants them. */
static void retrieve(int messages) {
  int ends[2];
  static char received[2 * MAX_OCTETS];
  socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
  pid_t server = fork();
  if (server == 0) {
    int i;
    close(ends[0]);
    while (read(ends[1], &i, sizeof i) == sizeof i) {
      long n = wire(read_file(names[i], MAX_OCTETS));
      send_all(ends[1], (char *)&n, sizeof n);
      send_all(ends[1], answer, n);
    }
    _exit(0);
  }
  close(ends[1]);
  double start = now();
  for (int i = 0; i < messages; i++) {
    long n, more;
    if (write(ends[0], &i, sizeof i) < 0 || read(ends[0], &n, sizeof n) != sizeof n) exit(1);
    for (; n > 0; n -= more)
      if ((more = read(ends[0], received, n)) <= 0) exit(1);
  }
  tell("pop3_retr", messages / ((now() - start) / 1e3));
  close(ends[0]);
  waitpid(server, 0, 0);
}

/* So many folders, with the same few messages in each. */
static void make_folders(int folders, int messages) {
  static const char *const parts[] = {"", "/tmp", "/new", "/cur"};
  char path[600], from[600];
  for (int i = 0; i < folders; i++) {
    for (int part = 0; part < 4; part++) {
      snprintf(path, sizeof path, ".folder%d%s", i, parts[part]);
      mkdir(path, 0700);
    }
    for (int m = 0; m < messages && m < count; m++) {
      snprintf(from, sizeof from, "cur/%s", names[m]);
      snprintf(path, sizeof path, ".folder%d/cur/%s", i, names[m]);
      if (link(from, path) != 0) exit(1);
    }
  }
  sync();
}

/* The names of new and cur of each folder, and a list of them that is renamed into its place; all is synced at the end. */
static void list_status_first(int folders) {
  static const char *const parts[] = {"new", "cur"};
  char path[100], to[100];
  struct dirent *e;
  double start = now();
  for (int i = 0; i < folders; i++) {
    long n = sprintf(buffer, "3 1 1\n");
    for (int part = 0; part < 2; part++) {
      snprintf(path, sizeof path, ".folder%d/%s", i, parts[part]);
      DIR *d = opendir(path);
      while ((e = readdir(d)))
        if (e->d_name[0] != '.') n += sprintf(buffer + n, "%ld %s\n", n, e->d_name);
      closedir(d);
    }
    snprintf(path, sizeof path, ".folder%d/tmp/list", i);
    snprintf(to, sizeof to, ".folder%d/list", i);
    int f = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (write(f, buffer, n) < 0) exit(1);
    close(f);
    rename(path, to);
  }
  int here = open(".", O_RDONLY);
  if (syncfs(here) != 0) exit(1);
  close(here);
  tell("list_status_first", now() - start);
}

/* The times of new and cur of each folder, and a line for it. */
static void list_status(int folders) {
  char path[100];
  struct stat status;
  int end;
  pid_t reader = client(&end, 1L << 62);
  double start = now();
  long n = 0;
  for (int i = 0; i < folders; i++) {
    for (int part = 0; part < 2; part++) {
      snprintf(path, sizeof path, part ? ".folder%d/new" : ".folder%d/cur", i);
      stat(path, &status);
    }
    n += sprintf(buffer + n, "* LIST () \".\" INBOX.folder%d\r\n* STATUS INBOX.folder%d (MESSAGES 10)\r\n", i, i);
  }
  send_all(end, buffer, n);
  close(end);
  waitpid(reader, 0, 0);
  tell("list_status", now() - start);
}

static void set_flag(int i, const char *letters) {
  char from[600], to[600], *colon = strstr(names[i], ":2,");
  snprintf(from, sizeof from, "cur/%s", names[i]);
  snprintf(to, sizeof to, "cur/%.*s:2,%s", (int)(colon - names[i]), names[i], letters);
  rename(from, to);
  free(names[i]);
  names[i] = strdup(to + 4);
}

static void append_to_here(int messages) {
  int cur = open("cur", O_RDONLY);
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
  close(cur);
}

/* Messages that come one after the other, and as many in each of eight maildirs at once. */
static void append(int messages) {
  enum { MAILDIRS = 8 };
  char path[100];
  double start = now();
  append_to_here(messages);
  double each = (now() - start) / 1e3 / messages;
  tell("append_1", 1 / each);
  tell("append_pipelined", 1 / each);
  for (int i = 0; i < MAILDIRS; i++) {
    static const char *const parts[] = {"", "/tmp", "/cur"};
    for (int part = 0; part < 3; part++) {
      snprintf(path, sizeof path, "append%d%s", i, parts[part]);
      mkdir(path, 0700);
    }
  }
  sync();
  fflush(stdout);
  start = now();
  for (int i = 0; i < MAILDIRS; i++) {
    if (fork() != 0) continue;
    snprintf(path, sizeof path, "append%d", i);
    if (chdir(path) != 0) _exit(1);
    append_to_here(messages);
    _exit(0);
  }
  while (wait(0) > 0) {
  }
  tell("append_8", MAILDIRS * messages / ((now() - start) / 1e3));
}

/* A hundred messages that come together, and are brought to the disk together, before and after they are shown. */
static void append_many(void) {
  enum { MESSAGES = 100 };
  char from[100], to[100];
  int cur = open("cur", O_RDONLY);
  double start = now();
  for (int i = 0; i < MESSAGES; i++) {
    snprintf(from, sizeof from, "tmp/many%d", i);
    int f = open(from, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (write(f, buffer, 4096) < 0) exit(1);
    close(f);
  }
  if (syncfs(cur) != 0) exit(1);
  for (int i = 0; i < MESSAGES; i++) {
    snprintf(from, sizeof from, "tmp/many%d", i);
    snprintf(to, sizeof to, "cur/many%d:2,", i);
    rename(from, to);
  }
  fsync(cur);
  tell("append_multi", MESSAGES / ((now() - start) / 1e3));
  close(cur);
}

int main(int argc, char **argv) {
  if (argc != 4 || chdir(argv[1]) != 0) return fprintf(stderr, "usage: floor MAILDIR COUNT FOLDERS\n"), 1;
  int changes = atoi(argv[2]), folders = atoi(argv[3]);
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
  flags();
  tell("select_50k_quiet", round_trip(2));
  tell("search_unseen", round_trip(0));
  retrieve(changes < 300 ? changes : 300);
  make_folders(folders, 10);
  list_status_first(folders);
  list_status(folders);

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
  append_many();
  return 0;
}
