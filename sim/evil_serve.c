/* From the pages that were written to those that are served. */
#include "sim/evil_book.h"

#include "metadata/encode.h"

void sim_pages_free(struct sim_pages *p)
{
    for (unsigned i = 0; i < p->n; i++) sim_bytes_free(&p->page[i].bytes);
    p->n = 0;
}

const struct sim_page *sim_pages_find(const struct sim_pages *p, const char *name)
{
    for (unsigned i = 0; i < p->n; i++)
        if (strcmp(p->page[i].name, name) == 0) return &p->page[i];
    return NULL;
}

static bool replace(struct sim_page *page, const struct sim_page *with)
{
    uint8_t *copy = malloc(with->bytes.n + 1);
    if (copy == NULL) return false;
    memcpy(copy, with->bytes.p, with->bytes.n);
    sim_bytes_free(&page->bytes);
    page->bytes = (struct sim_bytes){copy, with->bytes.n};
    return true;
}

bool sim_page_copy(const struct sim_page *from, struct sim_page *to)
{
    *to = *from;
    to->bytes = (struct sim_bytes){0};
    return replace(to, from);
}

bool sim_pages_copy(const struct sim_pages *from, struct sim_pages *out)
{
    *out = (struct sim_pages){0};
    for (; out->n < from->n; out->n++) {
        if (sim_page_copy(&from->page[out->n], &out->page[out->n])) continue;
        sim_pages_free(out);
        return false;
    }
    return true;
}

typedef bool serve_as(const struct sim_writing *w, struct sim_page *page, const char *value);

static bool omit(const struct sim_writing *w, struct sim_page *page, const char *value)
{
    (void)value;
    sim_bytes_free(&page->bytes);
    *page = w->pages->page[--w->pages->n];
    return true;
}

static bool serve_old(const struct sim_writing *w, struct sim_page *page, const char *value)
{
    (void)value;
    const struct sim_page *old = sim_pages_find(&w->book->honest[SIM_BEFORE], page->name);
    return old != NULL && replace(page, old);
}

/* Of the same length, so that nothing but the digest can tell. */
static bool serve_again(const struct sim_writing *w, struct sim_page *page, const char *value)
{
    (void)value;
    char expires[UP_TIME_TEXT + 1];
    const struct sim_twist later = {page->name, "expires", expires};
    struct sim_writing other = *w;
    other.twists = &later;
    other.twist_count = 1;
    for (unsigned second = 0; second < 60; second++) { /* signatures of ECDSA differ in length */
        struct sim_pages pages = {0};
        other.pages = &pages;
        snprintf(expires, sizeof expires, "2100-01-02T00:00:%02uZ", second);
        const struct sim_page *found = sim_writing_all(&other) ? sim_pages_find(&pages, page->name) : NULL;
        const bool same = found != NULL && found->bytes.n == page->bytes.n;
        const bool ok = same && replace(page, found);
        sim_pages_free(&pages);
        if (found == NULL || same) return ok;
    }
    return false;
}

static bool serve_from(const struct sim_writing *w, struct sim_page *page, const char *value)
{
    const struct sim_page *other = sim_pages_find(w->pages, value);
    return other != NULL && replace(page, other);
}

static bool serve_version(const struct sim_writing *w, struct sim_page *page, const char *value)
{
    char below[SIM_METADATA_NAME];
    const char *role = strrchr(page->name, '/') + 1;
    sim_metadata_name(w->book->profile, role, (uint32_t)strtoul(value, NULL, 10), below);
    snprintf(page->path, sizeof page->path, "%s/%s",
             strncmp(page->name, "director/", 9) == 0 ? "director" : "repo", below);
    return true;
}

static bool flip(const struct sim_writing *w, struct sim_page *page, const char *value)
{
    (void)w, (void)value;
    page->bytes.p[page->bytes.n / 2] ^= 1;
    return true;
}

static bool shorten(const struct sim_writing *w, struct sim_page *page, const char *value)
{
    (void)w;
    page->bytes.n -= strtoul(value, NULL, 10);
    return true;
}

static bool lengthen(const struct sim_writing *w, struct sim_page *page, const char *value)
{
    (void)w;
    const size_t n = strlen(value);
    uint8_t *longer = realloc(page->bytes.p, page->bytes.n + n + 1);
    if (longer == NULL) return false;
    memcpy(longer + page->bytes.n, value, n);
    page->bytes = (struct sim_bytes){longer, page->bytes.n + n};
    return true;
}

static const struct {
    const char *what;
    serve_as *apply;
} kinds[] = {
    {"old", serve_old}, {"again", serve_again}, {"from", serve_from},   {"as", serve_version},
    {"flip", flip},     {"shorten", shorten},   {"lengthen", lengthen}, {"omit", omit},
};

bool sim_writing_serve(const struct sim_writing *w)
{
    if (sim_writing_twist(w, "*", "old") != NULL) { /* as if nothing had been published since */
        sim_pages_free(w->pages);
        return sim_pages_copy(&w->book->honest[SIM_BEFORE], w->pages) || sim_say(w->why, "out of memory");
    }
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (unsigned i = 0; i < w->twist_count; i++) {
            const struct sim_twist *t = &w->twists[i];
            if (strcmp(t->what, kinds[k].what) != 0) continue;
            struct sim_page *page = (struct sim_page *)sim_pages_find(w->pages, t->file);
            if (page == NULL || !kinds[k].apply(w, page, t->value))
                return sim_say(w->why, "%s: cannot serve it with %s %s", t->file, t->what, t->value);
        }
    return true;
}

/* Of a vector whose Roots last, what it does to the second Root is still there afterwards. */
static bool is_part_of(const struct sim_evil *v, enum sim_stage stage, const struct sim_twist *t)
{
    if (v == NULL || stage == SIM_BEFORE) return false;
    const bool chain = strcmp(t->what, "chain") == 0; /* Snapshot never drops a role */
    return stage == SIM_ATTACK || chain || (v->lasting && strstr(t->file, "/2.root") != NULL);
}

bool sim_book_write(const struct sim_book *b, enum sim_stage stage, const struct sim_evil *vector,
                    struct sim_pages *out, char why[SIM_WHY_MAX])
{
    if (b->honest[stage].n > 0 && (vector == NULL || stage == SIM_BEFORE))
        return sim_pages_copy(&b->honest[stage], out) || sim_say(why, "out of memory");
    struct sim_twist twists[SIM_EVIL_TWISTS];
    char *value[SIM_EVIL_TWISTS] = {NULL};
    struct sim_writing w = {
        .book = b, .stage = stage, .twists = twists, .vector = vector, .pages = out, .why = why};
    bool ok = true;
    *out = (struct sim_pages){0};
    for (unsigned i = 0; ok && vector != NULL && i < vector->twists; i++) {
        const struct sim_twist *t = &vector->twist[i];
        if (!is_part_of(vector, stage, t)) continue;
        value[i] = sim_book_expand(b, stage, t->value);
        ok = value[i] != NULL || sim_say(why, "%s: no such word in \"%s\"", vector->id, t->value);
        twists[w.twist_count++] = (struct sim_twist){t->file, t->what, value[i]};
    }
    ok = ok && sim_writing_all(&w) && sim_writing_serve(&w);
    for (unsigned i = 0; i < SIM_EVIL_TWISTS; i++) free(value[i]);
    if (!ok) sim_pages_free(out);
    return ok;
}
