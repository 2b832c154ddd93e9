/* libinih splits the lines; what it leaves out is done here: line numbers, whole section names, sections
 * without keys, lines that are too long, indentation. */
#include "primary/config_lines.h"

#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char not_ini[] = "expected [section] or key = value";

bool pri_conf_error(struct pri_conf *r, unsigned line, const char *format, ...)
{
    if (r->failed) return false;
    r->failed = true;
    int n = line == 0 ? snprintf(r->why, r->why_size, "%s: ", r->path)
                      : snprintf(r->why, r->why_size, "%s:%u: ", r->path, line);
    if (n < 0 || (size_t)n >= r->why_size) return false;
    va_list args;
    va_start(args, format);
    vsnprintf(r->why + n, r->why_size - (size_t)n, format, args);
    va_end(args);
    return false;
}

bool pri_conf_wrong(struct pri_conf *r, const struct pri_conf_entry *e, const char *expected)
{
    return pri_conf_error(r, e->line, "[%s] %s = %s: expected %s", e->section, e->key, e->value, expected);
}

bool pri_conf_no_memory(struct pri_conf *r)
{
    return pri_conf_error(r, 0, "out of memory");
}

const struct pri_conf_entry *pri_conf_find(const struct pri_conf *r, const char *section, const char *key)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct pri_conf_entry *e = &r->entries[i];
        if (strcmp(e->section, section) != 0) continue;
        if (key == NULL ? e->key == NULL : e->key != NULL && strcmp(e->key, key) == 0) return e;
    }
    return NULL;
}

static bool add_entry(struct pri_conf *r, const char *key, const char *value)
{
    if (r->count == r->room) {
        size_t room = r->room == 0 ? 64 : 2 * r->room;
        struct pri_conf_entry *more = realloc(r->entries, room * sizeof *more);
        if (more == NULL) return pri_conf_no_memory(r);
        r->entries = more;
        r->room = room;
    }
    struct pri_conf_entry *e = &r->entries[r->count++];
    *e = (struct pri_conf_entry){r->line, strdup(r->section), key == NULL ? NULL : strdup(key),
                                 key == NULL ? NULL : strdup(value)};
    if (e->section == NULL || (key != NULL && (e->key == NULL || e->value == NULL)))
        return pri_conf_no_memory(r);
    return true;
}

/* The library keeps 49 characters of a section's name, and does not tell of sections without keys. */
static void note_section(struct pri_conf *r, const char *line)
{
    const char *end = strchr(line, ']');
    if (end == NULL) {
        (void)pri_conf_error(r, r->line, "%s", not_ini);
        return;
    }
    free(r->section);
    r->section = strndup(line + 1, (size_t)(end - line - 1));
    if (r->section == NULL)
        (void)pri_conf_no_memory(r);
    else
        (void)add_entry(r, NULL, NULL);
}

/* The library's fgets. It would take an indented line for the continuation of a value: indentation goes. */
static char *read_line(char *line, int size, void *ctx)
{
    struct pri_conf *r = ctx;
    int n = 0, c;
    bool any = false;
    while ((c = getc(r->file)) != EOF && c != '\n') {
        any = true;
        if (n == 0 && (c == ' ' || c == '\t')) continue;
        if (c == '\0') (void)pri_conf_error(r, r->line + 1, "not a text file");
        if (n == size - 1)
            (void)pri_conf_error(r, r->line + 1, "longer than %d characters", size - 1);
        else
            line[n++] = (char)c;
    }
    if (c == EOF && !any) return NULL;
    line[n] = '\0';
    r->line++;
    if (r->line == 1 && strncmp(line, "\xEF\xBB\xBF", 3) == 0) memmove(line, line + 3, strlen(line) - 2);
    if (line[0] == '[') note_section(r, line);
    return line;
}

static int take_line(void *ctx, const char *section, const char *key, const char *value)
{
    struct pri_conf *r = ctx;
    (void)section;
    if (r->section == NULL) return pri_conf_error(r, r->line, "%s stands before any [section]", key);
    return add_entry(r, key, value);
}

bool pri_conf_read(struct pri_conf *r)
{
    r->file = fopen(r->path, "re");
    if (r->file == NULL) return pri_conf_error(r, 0, "%s", strerror(errno));
    int bad_line = ini_parse_stream(read_line, r, take_line, r);
    bool unreadable = ferror(r->file) != 0;
    fclose(r->file);
    if (unreadable) return pri_conf_error(r, 0, "cannot be read");
    if (bad_line < 0) return pri_conf_no_memory(r);
    if (bad_line > 0) return pri_conf_error(r, (unsigned)bad_line, "%s", not_ini);
    return !r->failed;
}

void pri_conf_drop(struct pri_conf *r)
{
    for (size_t i = 0; i < r->count; i++) {
        free(r->entries[i].section);
        free(r->entries[i].key);
        free(r->entries[i].value);
    }
    free(r->entries);
    free(r->section);
}
