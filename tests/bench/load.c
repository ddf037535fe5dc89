/* A client that costs little: what wrk does not measure, over TLS 1.2, in one thread.
 *
 *   load listing   PORT REQUEST ROUNDS            per round: milliseconds to the first byte, to the last, bytes
 *   load latency   PORT REQUEST SECONDS           calls; median, mean and 99th percentile in microseconds; one connection
 *   load batch     PORT REQUESTS                  every request of a file (each after a line with its length), one connection
 *   load idle      PORT REQUEST CONNECTIONS       answers once on each connection, says "ready", holds them until stdin ends
 *   load park      PORT REQUEST N TRIGGER ROUNDS  per round: milliseconds from the trigger until N waiting calls are answered
 *   load reconnect PORT REQUEST SLOTS SECONDS     connections made, of them resumed, seconds
 *
 * REQUEST and TRIGGER are files that hold whole HTTP requests. A token in a waiting call is replaced by the one in its last
 * answer; "@@@@@@@@" in a trigger by a number that counts.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { TOKEN = 41, COUNTER = 8 };

typedef struct {
  int fd;
  SSL *ssl;
  char *out;              /* the request that is being sent */
  size_t out_size, sent;
  char *in;               /* the answer so far; only its head and tail are kept when it is large */
  size_t in_size, in_room;
  long total;             /* size of head and body; -1 until the head is there */
  size_t got;
  int answered, parked;
  double first;
} Conn;

static int port, sources;
static SSL_CTX *context;
static SSL_SESSION *session;

static void die(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  ERR_print_errors_fp(stderr);
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static char *slurp(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (!file) die(path);
  fseek(file, 0, SEEK_END);
  *size = ftell(file);
  rewind(file);
  char *text = malloc(*size + 1);
  if (fread(text, 1, *size, file) != *size) die(path);
  text[*size] = 0;
  fclose(file);
  return text;
}

static int keep_session(SSL *ssl, SSL_SESSION *made) {
  (void)ssl;
  if (session) SSL_SESSION_free(session);
  session = made;
  return 1;
}

static void dial(Conn *c, int blocking) {
  struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET, .sin_port = htons(port)};
  int one = 1;
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (c->fd < 0) die("socket");
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(c->fd, IPPROTO_IP, 24 /* IP_BIND_ADDRESS_NO_PORT */, &one, sizeof one);
  /* Many source addresses, so that ports which rest in TIME_WAIT do not run out. */
  from.sin_addr.s_addr = htonl(0x7f000002 + sources++ % 100);
  if (bind(c->fd, (struct sockaddr *)&from, sizeof from)) die("bind");
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (!blocking) fcntl(c->fd, F_SETFL, O_NONBLOCK);
  if (connect(c->fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS) die("connect");
  c->ssl = SSL_new(context);
  SSL_set_fd(c->ssl, c->fd);
  SSL_set_connect_state(c->ssl);
  c->total = -1;
  c->sent = c->got = c->in_size = 0;
  c->answered = 0;
}

static void hang_up(Conn *c) {
  SSL_shutdown(c->ssl);
  SSL_free(c->ssl);
  close(c->fd);
}

static void ask(Conn *c, char *request, size_t size) {
  c->out = request;
  c->out_size = size;
  c->sent = c->got = c->in_size = 0;
  c->total = -1;
  c->answered = 0;
}

static void head_came(Conn *c) {
  char *end = memmem(c->in, c->in_size, "\r\n\r\n", 4);
  if (!end) return;
  if (strncmp(c->in, "HTTP/1.", 7) || strncmp(c->in + 9, "200", 3)) {
    fprintf(stderr, "load: refused: %.40s\n", c->in);
    exit(1);
  }
  for (char *line = c->in; line < end; line = strchr(line, '\n') + 1)
    if (!strncasecmp(line, "content-length:", 15)) c->total = end + 4 - c->in + atol(line + 15);
  if (c->total < 0) die("an answer without length");
}

/* Sends and receives what can be; 1 when the answer is complete, 0 when it has to wait. */
static int step(Conn *c) {
  static char scratch[65536];
  while (c->sent < c->out_size) {
    int n = SSL_write(c->ssl, c->out + c->sent, c->out_size - c->sent);
    if (n > 0) {
      c->sent += n;
      continue;
    }
    int why = SSL_get_error(c->ssl, n);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return 0;
    die("write");
  }
  for (;;) {
    int n = SSL_read(c->ssl, scratch, sizeof scratch);
    if (n <= 0) {
      int why = SSL_get_error(c->ssl, n);
      if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return 0;
      die("read");
    }
    if (!c->got) c->first = now();
    c->got += n;
    if (c->in_size + n >= c->in_room && c->in_room < 1 << 20)
      c->in = realloc(c->in, c->in_room = 2 * (c->in_size + n) + 4096);
    if (c->in_size + n < c->in_room) {
      memcpy(c->in + c->in_size, scratch, n);
      c->in[c->in_size += n] = 0;
    }
    if (c->total < 0) head_came(c);
    if (c->total >= 0 && (long)c->got >= c->total) {
      c->answered = 1;
      return 1;
    }
  }
}

static void call(Conn *c, char *request, size_t size) {
  ask(c, request, size);
  while (!step(c)) {
  }
}

static char *find_token(char *text, size_t size) {
  char *name = memmem(text, size, "<name>token</name>", 18);
  for (char *at = name ? name : text; at + TOKEN <= text + size; at++)
    if (strspn(at, "0123456789") == 20 && at[20] == ',') return at;
  return NULL;
}

static void watch(int epoll, Conn *c) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event)) die("epoll_ctl");
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static void listing(char *request, size_t size, int rounds) {
  Conn c = {0};
  dial(&c, 1);
  for (int i = 0; i < rounds; i++) {
    double start = now();
    call(&c, request, size);
    printf("%.3f %.3f %zu\n", 1e3 * (c.first - start), 1e3 * (now() - start), c.got);
    fflush(stdout);
  }
  hang_up(&c);
}

static void latency(char *request, size_t size, double seconds) {
  size_t count = 0, room = 1 << 20;
  double *took = malloc(room * sizeof *took), sum = 0, end;
  Conn c = {0};
  dial(&c, 1);
  call(&c, request, size);
  end = now() + seconds;
  while (count < room) {
    double start = now();
    if (start > end) break;
    call(&c, request, size);
    sum += took[count++] = now() - start;
  }
  qsort(took, count, sizeof *took, by_value);
  printf("%zu %.1f %.1f %.1f\n", count, 1e6 * took[count / 2], 1e6 * sum / count, 1e6 * took[count * 99 / 100]);
  hang_up(&c);
}

static void batch(char *requests, size_t size) {
  Conn c = {0};
  dial(&c, 1);
  for (char *at = requests; at < requests + size;) {
    size_t length = strtoul(at, &at, 10);
    call(&c, at + 1, length);
    at += 1 + length;
  }
  hang_up(&c);
}

static void idle(char *request, size_t size, int count) {
  Conn *all = calloc(count, sizeof *all);
  char line[8];
  for (int i = 0; i < count; i++) {
    dial(&all[i], 1);
    call(&all[i], request, size);
    free(all[i].in);
    all[i].in = NULL;
    all[i].in_room = 0;
  }
  puts("ready");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin)) {
  }
}

static void pump(int epoll, int *waiting, int timeout) {
  struct epoll_event events[256];
  int n = epoll_wait(epoll, events, 256, timeout);
  for (int i = 0; i < n; i++) {
    Conn *c = events[i].data.ptr;
    if (!c->answered && step(c)) --*waiting;
  }
}

static void park(char *request, size_t size, int count, char *trigger, size_t trigger_size, int rounds) {
  Conn *all = calloc(count, sizeof *all), changer = {0};
  int epoll = epoll_create1(0), waiting = 0;
  char *counter = memmem(trigger, trigger_size, "@@@@@@@@", COUNTER), digits[16];
  dial(&changer, 1);
  for (int i = 0; i < count; i++) {
    dial(&all[i], 1);
    while (SSL_do_handshake(all[i].ssl) != 1) {
    }
    fcntl(all[i].fd, F_SETFL, O_NONBLOCK);
    all[i].out = memcpy(malloc(size), request, size);
    all[i].answered = 1;
    watch(epoll, &all[i]);
  }
  for (int round = 0; round < rounds; round++) {
    for (int i = 0; i < count; i++) {
      Conn *c = &all[i];
      if (c->got) {
        char *told = find_token(c->in, c->in_size);
        if (!told) die("an answer without token");
        memcpy(find_token(c->out, size), told, TOKEN);
      }
      ask(c, c->out, size);
      waiting++;
      if (step(c)) waiting--;
    }
    for (double until = now() + 0.2; now() < until;) pump(epoll, &waiting, 10);
    if (waiting != count) {
      fprintf(stderr, "load: only %d of %d calls wait\n", waiting, count);
      exit(1);
    }
    snprintf(digits, sizeof digits, "%08d", round);
    memcpy(counter, digits, COUNTER);
    double start = now();
    call(&changer, trigger, trigger_size);
    while (waiting) pump(epoll, &waiting, 1000);
    printf("%.3f\n", 1e3 * (now() - start));
    fflush(stdout);
  }
}

static void reconnect(char *request, size_t size, int slots, double seconds) {
  Conn *all = calloc(slots, sizeof *all);
  int epoll = epoll_create1(0);
  long made = 0, resumed = 0;
  dial(&all[0], 1);
  call(&all[0], request, size);
  hang_up(&all[0]);
  for (int i = 0; i < slots; i++) {
    dial(&all[i], 0);
    SSL_set_session(all[i].ssl, session);
    ask(&all[i], request, size);
    watch(epoll, &all[i]);
  }
  double start = now(), end = start + seconds;
  while (now() < end) {
    struct epoll_event events[64];
    int n = epoll_wait(epoll, events, 64, 1000);
    for (int i = 0; i < n; i++) {
      Conn *c = events[i].data.ptr;
      if ((events[i].events & EPOLLOUT) == 0 && (events[i].events & EPOLLIN) == 0) continue;
      if (!step(c)) continue;
      made++;
      resumed += SSL_session_reused(c->ssl);
      hang_up(c);
      dial(c, 0);
      SSL_set_session(c->ssl, session);
      ask(c, request, size);
      watch(epoll, c);
    }
  }
  printf("%ld %ld %.4f\n", made, resumed, now() - start);
}

int main(int argc, char **argv) {
  size_t size, trigger_size;
  if (argc < 4) die("usage");
  context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_AUTO_RETRY | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, keep_session);
  port = atoi(argv[2]);
  char *mode = argv[1], *request = slurp(argv[3], &size);
  if (!strcmp(mode, "listing") && argc == 5) listing(request, size, atoi(argv[4]));
  else if (!strcmp(mode, "latency") && argc == 5) latency(request, size, atof(argv[4]));
  else if (!strcmp(mode, "batch") && argc == 4) batch(request, size);
  else if (!strcmp(mode, "idle") && argc == 5) idle(request, size, atoi(argv[4]));
  else if (!strcmp(mode, "park") && argc == 7) {
    char *trigger = slurp(argv[5], &trigger_size);
    park(request, size, atoi(argv[4]), trigger, trigger_size, atoi(argv[6]));
  } else if (!strcmp(mode, "reconnect") && argc == 6) reconnect(request, size, atoi(argv[4]), atof(argv[5]));
  else die("usage");
  return 0;
}
