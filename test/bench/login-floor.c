/*
 * The least that a login can cost: the system calls and the octets, and nothing else.
 *
 *     cc -O2 -o login-floor login-floor.c && ./login-floor DIRECTORY
 *
 * Clients connect over loopback, log in and log out; one process serves one after the other; and a third is asked who
 * each is, over a connection for each question, as authdaemond has it. Nothing is parsed, checked or logged. Each line
 * is a row's key and logins per second. A socket is made in DIRECTORY.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOGINS 2000
#define BACKLOG 100

static struct sockaddr_in tcp = {.sin_family = AF_INET};
static struct sockaddr_un local = {.sun_family = AF_UNIX};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static int new_socket(int family) {
  int s = socket(family, SOCK_STREAM, 0), on = 1;
  if (s < 0) fail("socket");
  if (family == AF_INET) setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return s;
}

static int listen_at(struct sockaddr *address, socklen_t length) {
  int s = new_socket(address->sa_family);
  if (bind(s, address, length) != 0 || listen(s, BACKLOG) != 0) fail("listen");
  return s;
}

static int connect_to(const struct sockaddr *address, socklen_t length) {
  int s = new_socket(address->sa_family);
  if (connect(s, address, length) != 0) fail("connect");
  return s;
}

static void say(int s, const char *octets) {
  if (write(s, octets, strlen(octets)) < 0) fail("write");
}

/* Reads to the end of a line. */
static void hear(int s) {
  char line[600];
  long n = 0, more;
  do {
    if ((more = read(s, line + n, sizeof line - n)) <= 0) fail("read");
    n += more;
  } while (line[n - 1] != '\n');
}

static void be_client(int logins) {
  for (int n = 0; n < logins; n++) {
    int s = connect_to((struct sockaddr *)&tcp, sizeof tcp);
    hear(s);
    say(s, "a LOGIN u secret\r\n");
    hear(s);
    say(s, "b LOGOUT\r\n");
    hear(s);
    close(s);
  }
  _exit(0);
}

static void be_asked(int port) {
  for (;;) {
    int s = accept(port, 0, 0);
    hear(s);
    say(s, "UID=5000\nGID=5000\nHOME=/home/u\nADDRESS=u\nMAILDIR=./Maildir\n.\n");
    close(s);
  }
}

static void serve(int port) {
  int s = accept(port, 0, 0);
  say(s, "* OK [CAPABILITY IMAP4rev1 UIDPLUS CHILDREN NAMESPACE IDLE ACL ACL2=UNION] ready.\r\n");
  hear(s);
  int question = connect_to((struct sockaddr *)&local, sizeof local);
  say(question, "AUTH 24 imap login u secret\n");
  hear(question);
  close(question);
  say(s, "a OK LOGIN Ok.\r\n");
  hear(s);
  say(s, "* BYE goodbye\r\nb OK LOGOUT completed\r\n");
  close(s);
}

static void measure(const char *row, int clients) {
  int each = LOGINS / clients;
  int port = listen_at((struct sockaddr *)&tcp, sizeof tcp);
  socklen_t length = sizeof tcp;
  getsockname(port, (struct sockaddr *)&tcp, &length);
  double start = now();
  for (int i = 0; i < clients; i++)
    if (fork() == 0) be_client(each);
  for (int n = 0; n < each * clients; n++) serve(port);
  printf("%s %.1f\n", row, each * clients / (now() - start));
  fflush(stdout);
  for (int i = 0; i < clients; i++) wait(0);
  close(port);
  tcp.sin_port = 0;
}

int main(int argc, char **argv) {
  if (argc != 2 || chdir(argv[1]) != 0) return fprintf(stderr, "usage: login-floor DIRECTORY\n"), 1;
  tcp.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  strcpy(local.sun_path, "login-floor");
  int questions = listen_at((struct sockaddr *)&local, sizeof local);
  pid_t asked = fork();
  if (asked == 0) be_asked(questions);
  measure("login_1", 1);
  measure("login_20", 20);
  kill(asked, SIGKILL);
  wait(0);
  unlink(local.sun_path);
  return 0;
}
