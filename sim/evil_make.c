/* Vectors as folders. */
#include <errno.h>
#include <unistd.h>

#include "sim/evil_book.h"

struct making {
    const struct sim_book *book;
    const struct sim_evil_request *request;
    struct sim_pages honest[SIM_STAGES];
    char *why;
};

static bool same_bytes(const struct sim_page *a, const struct sim_page *b)
{
    return a->bytes.n == b->bytes.n && memcmp(a->bytes.p, b->bytes.p, a->bytes.n) == 0;
}

/* The page of an honest stage that lies at the same path and has the same bytes; NULL: none. */
static const struct sim_page *twin(const struct sim_pages *honest, const struct sim_page *page)
{
    for (unsigned i = 0; i < honest->n; i++)
        if (strcmp(honest->page[i].path, page->path) == 0 && same_bytes(&honest->page[i], page))
            return &honest->page[i];
    return NULL;
}

/* FOLDER/PATH, a link to DIR/base/STAGE/PATH; DEPTH folders lie between DIR and PATH. */
static bool link_to_base(const char *folder, const char *path, enum sim_stage stage, unsigned depth)
{
    char target[SIM_PATH_MAX] = "", file[SIM_PATH_MAX], above[SIM_PATH_MAX];
    if (!sim_path(file, "%s/%s", folder, path) || !sim_path(above, "%s", file)) return false;
    *strrchr(above, '/') = '\0';
    for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) depth++;
    for (; depth > 0; depth--) strcat(target, "../");
    const size_t n = strlen(target);
    snprintf(target + n, sizeof target - n, "base/%s/%s", sim_stage_names[stage], path);
    (void)unlink(file);
    return sim_folder_make(above) && symlink(target, file) == 0;
}

static bool is_below(const char *path, const char *folder)
{
    const size_t n = strlen(folder);
    return strncmp(path, folder, n) == 0 && path[n] == '/';
}

/* All files below a FOLDER of the repositories are those of the honest stage, and none is missing. */
static bool is_honest(const struct sim_pages *honest, const struct sim_pages *pages, const char *folder)
{
    unsigned have = 0, want = 0;
    for (unsigned i = 0; i < honest->n; i++) want += is_below(honest->page[i].path, folder);
    for (unsigned i = 0; i < pages->n; i++) {
        if (!is_below(pages->page[i].path, folder)) continue;
        if (twin(honest, &pages->page[i]) == NULL) return false;
        have++;
    }
    return have == want;
}

static bool write_page(const struct making *m, const char *folder, const struct sim_page *p,
                       enum sim_stage stage, unsigned depth)
{
    char file[SIM_PATH_MAX];
    if (m->request->links && depth > 0 && twin(&m->honest[stage], p) != NULL)
        return link_to_base(folder, p->path, stage, depth);
    return sim_path(file, "%s/%s", folder, p->path) && sim_file_write(file, sim_span(&p->bytes), 0644);
}

/* DEPTH 0: FOLDER is of the honest stage itself. */
static bool write_pages(const struct making *m, const char *folder, const struct sim_pages *pages,
                        enum sim_stage stage, unsigned depth)
{
    static const char *const wholes[] = {"director", "repo", "repo/targets"};
    const char *linked[3] = {"?", "?", "?"};
    for (size_t k = 0; k < 3 && m->request->links && depth > 0; k++) {
        if (is_below(wholes[k], linked[1]) || !is_honest(&m->honest[stage], pages, wholes[k])) continue;
        linked[k] = wholes[k];
        if (!link_to_base(folder, wholes[k], stage, depth))
            return sim_say(m->why, "%s/%s: %s", folder, wholes[k], strerror(errno));
    }
    for (unsigned i = 0; i < pages->n; i++) {
        const struct sim_page *p = &pages->page[i];
        if (is_below(p->path, linked[0]) || is_below(p->path, linked[1]) || is_below(p->path, linked[2]))
            continue;
        if (!write_page(m, folder, p, stage, depth))
            return sim_say(m->why, "%s/%s: %s", folder, p->path, strerror(errno));
    }
    return true;
}

static const char *verdict_text(const struct sim_evil *v, enum sim_client c)
{
    return !v->sees[c] ? "not seen" : up_err_name(v->expect[c]);
}

char *sim_evil_expect_text(const struct sim_evil *v, const struct up_profile *p, enum up_scheme scheme)
{
    char *text, cause[64] = "";
    if (v->cause != UP_OK) snprintf(cause, sizeof cause, "cause: %s\n", up_err_name(v->cause));
    return asprintf(&text,
                    "vector: %s\nrule: %s\nplace: %s\nwhat: %s\nprofile: %s\nscheme: %s\n"
                    "primary: %s\nfull: %s\npartial: %s\n%safterwards: %s\n",
                    v->id, v->rule, v->place, v->text, p->name, up_scheme_name(scheme),
                    verdict_text(v, SIM_PRIMARY), verdict_text(v, SIM_FULL), verdict_text(v, SIM_PARTIAL),
                    cause, v->lasting ? "after" : "../base/after") < 0
               ? NULL
               : text;
}

static bool write_expect(const struct making *m, const struct sim_evil *v, const char *folder)
{
    char file[SIM_PATH_MAX];
    char *text = sim_evil_expect_text(v, m->book->profile, m->book->scheme);
    bool ok =
        text != NULL && sim_path(file, "%s/expect", folder) && sim_file_write(file, up_span_of(text), 0644);
    free(text);
    return ok || sim_say(m->why, "%s/expect: %s", folder, strerror(errno));
}

static bool write_stage(const struct making *m, const struct sim_evil *v, enum sim_stage stage,
                        const char *folder, unsigned depth)
{
    struct sim_pages pages;
    if (!sim_book_write(m->book, stage, v, &pages, m->why)) return false;
    bool ok = write_pages(m, folder, &pages, stage, depth);
    sim_pages_free(&pages);
    return ok;
}

static bool write_vector(const struct making *m, const struct sim_evil *v)
{
    char folder[SIM_PATH_MAX], after[SIM_PATH_MAX];
    if (!sim_path(folder, "%s/%s", m->request->dir, v->id) || !sim_path(after, "%s/after", folder))
        return sim_say(m->why, "%s: path too long", m->request->dir);
    return write_stage(m, v, SIM_ATTACK, folder, 1) &&
           (!v->lasting || write_stage(m, v, SIM_AFTER, after, 2)) && write_expect(m, v, folder);
}

static bool write_base(struct making *m)
{
    for (enum sim_stage s = SIM_BEFORE; s < SIM_STAGES; s++) {
        char folder[SIM_PATH_MAX];
        if (!sim_book_write(m->book, s, NULL, &m->honest[s], m->why)) return false;
        if (!sim_path(folder, "%s/base/%s", m->request->dir, sim_stage_names[s]))
            return sim_say(m->why, "%s: path too long", m->request->dir);
        if (!write_pages(m, folder, &m->honest[s], s, 0)) return false;
    }
    return true;
}

bool sim_evil_is_first(unsigned i, const struct up_profile *p)
{
    struct sim_evil *v = malloc(2 * sizeof *v);
    if (v == NULL) abort();
    bool first = true;
    sim_evil_get(i, p, &v[0]);
    for (unsigned k = 0; k < i && first; k++) {
        sim_evil_get(k, p, &v[1]);
        first = !sim_evil_applies(&v[1], p) || strcmp(v[0].rule, v[1].rule) != 0 ||
                strcmp(v[0].place, v[1].place) != 0;
    }
    free(v);
    return first;
}

static bool write_all(struct making *m, unsigned *count)
{
    static struct sim_evil v;
    const struct sim_evil_request *r = m->request;
    for (unsigned i = 0; i < sim_evil_count(); i++) {
        sim_evil_get(i, m->book->profile, &v);
        if (!sim_evil_applies(&v, m->book->profile)) continue;
        if (r->only != NULL && strcmp(r->only, v.id) != 0) continue;
        if (r->pairs && !sim_evil_is_first(i, m->book->profile)) continue;
        if (!write_vector(m, &v)) return false;
        (*count)++;
    }
    if (*count > 0) return true;
    return sim_say(m->why, "%s: there is no vector of that name for this profile and scheme",
                   r->only != NULL ? r->only : "");
}

bool sim_evil_make(const struct sim_book_plan *plan, const struct sim_evil_request *request, unsigned *count,
                   char why[SIM_WHY_MAX])
{
    struct making m = {.request = request, .why = why};
    struct sim_book *book = sim_book_open(plan, why);
    m.book = book;
    *count = 0;
    bool ok = book != NULL && write_base(&m) && write_all(&m, count);
    for (enum sim_stage s = SIM_BEFORE; s < SIM_STAGES; s++) sim_pages_free(&m.honest[s]);
    sim_book_close(book);
    return ok;
}
