#include "primary/display.h"

#include "metadata/encode.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define VALUE_MAX    400
#define REDRAW_US    100000 /* bars move ten times a second at most */
#define STEPS        4      /* lines instead of bars: one per quarter */
#define BAR_COLUMNS  24
#define NAME_COLUMNS 24
#define ROWS_MAX     (PRI_ECUS_MAX + 2)

struct row {
    char ecu[UP_NAME_MAX + 1], what[16];
    uint64_t done, total;
    uint64_t began_us, began_at; /* when, and with how many bytes: a resumed transfer is no faster for it */
    unsigned step;
    bool ended, kept; /* kept: its last line has been written */
};
struct pri_display {
    FILE *out;
    unsigned columns;
    bool quiet;
    struct row rows[ROWS_MAX];
    unsigned count, drawn; /* rows in use; lines on the screen now */
    uint64_t drawn_us;
};

/* --- values --- */

void pri_print_value(FILE *out, const char *value)
{
    size_t n = strlen(value);
    bool plain = n > 0;
    for (size_t i = 0; i < n && plain; i++)
        plain = value[i] > ' ' && value[i] <= '~' && !strchr("\"\\=", value[i]);
    if (!plain) fputc('"', out);
    for (size_t i = 0; i < n && i < VALUE_MAX; i++) {
        unsigned char c = (unsigned char)value[i];
        if (c < ' ' || c > '~')
            fprintf(out, "\\x%02x", c);
        else
            fprintf(out, c == '"' || c == '\\' ? "\\%c" : "%c", c);
    }
    if (!plain) fputc('"', out);
}

static void print_pair(FILE *out, const char *key, const char *value)
{
    if (*value == '\0') return;
    fprintf(out, " %s=", key);
    pri_print_value(out, value);
}

/* 512 B, 4.0 KiB, 1.2 MiB */
static const char *bytes_text(char text[16], double n)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t u = 0;
    while (n >= 1000 && u + 1 < sizeof units / sizeof *units) n /= 1024, u++;
    snprintf(text, 16, u == 0 ? "%.0f %s" : "%.1f %s", n, units[u]);
    return text;
}

unsigned pri_display_columns(FILE *out)
{
    struct winsize w;
    int fd = fileno(out);
    if (!isatty(fd)) return 0;
    return ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : 80;
}

/* --- bars --- */

static void erase(struct pri_display *d)
{
    if (d->drawn > 0) fprintf(d->out, "\x1b[%uA\r\x1b[J", d->drawn);
    d->drawn = 0;
}

/* "brake   prepare  [#########.......]  56 %  12.3 KiB/s  0:04" */
static void draw_row(const struct pri_display *d, const struct row *r, uint64_t now_us)
{
    char line[256], size[16], rate_text[16];
    int n = snprintf(line, sizeof line, "%-*.*s %-8s ", NAME_COLUMNS, NAME_COLUMNS, r->ecu, r->what);
    if (r->total > 0) {
        double share = (double)r->done / (double)r->total;
        double seconds = (double)(now_us - r->began_us) / 1e6;
        double rate = seconds > 0 ? (double)(r->done - r->began_at) / seconds : 0;
        int filled = (int)(share * BAR_COLUMNS);
        char bar[BAR_COLUMNS + 1];
        for (int i = 0; i < BAR_COLUMNS; i++) bar[i] = i < filled ? '#' : '.';
        bar[BAR_COLUMNS] = '\0';
        n += snprintf(line + n, sizeof line - (size_t)n, "[%s] %3d %%  %s  %s/s", bar, (int)(share * 100),
                      bytes_text(size, (double)r->done), bytes_text(rate_text, rate));
        if (r->done < r->total && rate > 0) {
            unsigned left = (unsigned)((double)(r->total - r->done) / rate);
            snprintf(line + n, sizeof line - (size_t)n, "  %u:%02u left", left / 60, left % 60);
        } else if (r->done == r->total) {
            snprintf(line + n, sizeof line - (size_t)n, "  in %.1f s", seconds);
        }
    }
    fprintf(d->out, "%.*s\n", (int)d->columns - 1, line);
}

/* The last line of a row that has ended stays on the screen, above those that move. */
static void draw(struct pri_display *d, uint64_t now_us)
{
    erase(d);
    for (unsigned i = 0; i < d->count; i++) {
        struct row *r = &d->rows[i];
        if (r->ended && !r->kept) draw_row(d, r, now_us);
        r->kept = r->ended;
    }
    for (unsigned i = 0; i < d->count; i++) {
        if (d->rows[i].ended) continue;
        draw_row(d, &d->rows[i], now_us);
        d->drawn++;
    }
    d->drawn_us = now_us;
    fflush(d->out);
}

static void print_step(const struct pri_display *d, const struct row *r)
{
    fputs("level=info event=progress", d->out);
    print_pair(d->out, "ecu", r->ecu);
    print_pair(d->out, "what", r->what);
    if (r->total > 0) fprintf(d->out, " done=%" PRIu64 " total=%" PRIu64, r->done, r->total);
    fputc('\n', d->out);
    fflush(d->out);
}

static struct row *row_of(struct pri_display *d, const struct pri_progress *p, uint64_t now_us, bool *new)
{
    unsigned i = 0;
    while (i < d->count && strcmp(d->rows[i].ecu, p->ecu) != 0) i++;
    if (i == ROWS_MAX) return NULL;
    struct row *r = &d->rows[i];
    *new = i == d->count || strcmp(r->what, p->what) != 0;
    if (i == d->count) d->count++;
    if (!*new) return r;
    *r = (struct row){.began_us = now_us, .began_at = p->done};
    snprintf(r->ecu, sizeof r->ecu, "%s", p->ecu);
    snprintf(r->what, sizeof r->what, "%s", p->what);
    for (char *c = r->ecu; *c != '\0'; c++)
        if (*c < ' ' || *c > '~') *c = '?';
    return r;
}

void pri_display_progress(struct pri_display *d, const struct pri_progress *p, uint64_t now_us)
{
    if (d->quiet) return;
    bool new;
    struct row *r = row_of(d, p, now_us, &new);
    if (r == NULL || r->ended || (!new && p->done < r->done)) return; /* a bar does not go back */
    r->total = p->total;
    r->done = p->done < p->total ? p->done : p->total;
    bool whole = p->total > 0 && r->done == p->total;
    bool over = strcmp(p->what, "updated") == 0 || strcmp(p->what, "failed") == 0; /* an event says so */
    unsigned step = p->total == 0 ? 0 : (unsigned)(r->done * STEPS / p->total);
    bool stepped = new || step != r->step;
    r->step = step;
    if (d->columns == 0) {
        if (stepped && !over) print_step(d, r);
        return;
    }
    r->ended = whole || over;
    r->kept = over;
    if (new || r->ended || now_us - d->drawn_us >= REDRAW_US) draw(d, now_us);
}

void pri_display_rest(struct pri_display *d)
{
    erase(d);
    d->count = 0;
    fflush(d->out);
}

/* --- lines --- */

void pri_display_event(struct pri_display *d, const struct pri_event *e)
{
    static const char *const levels[] = {
        [UP_CLASS_NONE] = "info", [UP_CLASS_FAULT] = "error", [UP_CLASS_ATTACK] = "warning"};
    if (d->quiet && e->err == UP_OK) return;
    erase(d);
    fprintf(d->out, "level=%s", levels[up_err_class(e->err)]);
    if (e->time_s > 0) {
        char text[UP_TIME_TEXT];
        up_time_encode(e->time_s, text);
        fprintf(d->out, " time=%.*s", UP_TIME_TEXT, text);
    }
    fprintf(d->out, " cycle=%" PRIu64, e->cycle);
    print_pair(d->out, "ecu", e->ecu);
    print_pair(d->out, "event", e->what);
    if (e->err != UP_OK) print_pair(d->out, "error", up_err_name(e->err));
    print_pair(d->out, "attack", up_err_attack(e->err));
    print_pair(d->out, "detail", e->detail);
    fputc('\n', d->out);
    fflush(d->out);
    if (d->columns > 0 && d->count > 0) draw(d, d->drawn_us);
}

void pri_display_note(struct pri_display *d, const char *level, const char *event, const char *detail)
{
    if (d->quiet && strcmp(level, "info") == 0) return;
    erase(d);
    fprintf(d->out, "level=%s", level);
    print_pair(d->out, "event", event);
    print_pair(d->out, "detail", detail);
    fputc('\n', d->out);
    fflush(d->out);
}

struct pri_display *pri_display_open(FILE *out, unsigned columns, bool quiet)
{
    struct pri_display *d = calloc(1, sizeof *d);
    if (d != NULL) d->out = out, d->columns = columns, d->quiet = quiet;
    return d;
}

void pri_display_close(struct pri_display *d)
{
    if (d == NULL) return;
    pri_display_rest(d);
    free(d);
}
