#include "sim/json_tree.h"

#include <stdlib.h>
#include <string.h>

bool sim_is_listed(const cJSON *array, const char *text)
{
    const cJSON *item;
    cJSON_ArrayForEach (item, array) {
        if (cJSON_IsString(item) && strcmp(item->valuestring, text) == 0) return true;
    }
    return false;
}

static int by_name(const void *a, const void *b)
{
    const cJSON *const *x = a, *const *y = b;
    return strcmp((*x)->string, (*y)->string);
}

static void sort_members(cJSON *object, size_t n)
{
    cJSON **member = malloc(n * sizeof *member);
    if (member == NULL) abort();
    size_t i = 0;
    for (cJSON *m = object->child; m != NULL; m = m->next) member[i++] = m;
    qsort(member, n, sizeof *member, by_name);
    for (i = 0; i < n; i++) {
        member[i]->prev = member[i == 0 ? n - 1 : i - 1];
        member[i]->next = i == n - 1 ? NULL : member[i + 1];
    }
    object->child = member[0];
    free(member);
}

void sim_json_sort(cJSON *tree)
{
    size_t n = 0;
    for (cJSON *m = tree->child; m != NULL; m = m->next, n++) sim_json_sort(m);
    if (cJSON_IsObject(tree) && n > 1) sort_members(tree, n);
}

/* Takes the next token off *POINTER; false: malformed, or longer than any name of ours. */
static bool next_token(const char **pointer, char token[256])
{
    const char *p = *pointer;
    if (*p++ != '/') return false;
    size_t n = 0;
    for (; *p != '\0' && *p != '/'; p++) {
        char c = *p;
        if (c == '~') {
            p++;
            if (*p != '0' && *p != '1') return false;
            c = *p == '0' ? '~' : '/';
        }
        if (n == 255) return false;
        token[n++] = c;
    }
    token[n] = '\0';
    *pointer = p;
    return true;
}

static bool index_of(const char *token, int *index)
{
    char *end;
    long n = strtol(token, &end, 10);
    *index = (int)n;
    return *token != '\0' && *end == '\0' && n >= 0 && n < 1000000;
}

static cJSON *child_of(cJSON *node, const char *token)
{
    int index;
    if (cJSON_IsObject(node)) return cJSON_GetObjectItemCaseSensitive(node, token);
    return cJSON_IsArray(node) && index_of(token, &index) ? cJSON_GetArrayItem(node, index) : NULL;
}

cJSON *sim_json_at(cJSON *root, const char *pointer)
{
    char token[256];
    while (root != NULL && *pointer != '\0') {
        if (!next_token(&pointer, token)) return NULL;
        root = child_of(root, token);
    }
    return root;
}

/* The container that POINTER points into, and the last token. */
static cJSON *parent_of(cJSON *root, const char *pointer, char token[256])
{
    if (!next_token(&pointer, token)) return NULL;
    while (root != NULL && *pointer != '\0') {
        root = child_of(root, token);
        if (!next_token(&pointer, token)) return NULL;
    }
    return root;
}

bool sim_json_set(cJSON *root, const char *pointer, const char *value)
{
    char token[256];
    cJSON *parent = parent_of(root, pointer, token);
    cJSON *item = parent == NULL ? NULL : cJSON_Parse(value);
    if (item == NULL) return false;
    int index;
    bool ok = false;
    if (cJSON_IsObject(parent) && child_of(parent, token) != NULL)
        ok = cJSON_ReplaceItemInObjectCaseSensitive(parent, token, item);
    else if (cJSON_IsObject(parent))
        ok = cJSON_AddItemToObject(parent, token, item);
    else if (cJSON_IsArray(parent) && strcmp(token, "-") == 0)
        ok = cJSON_AddItemToArray(parent, item);
    else if (cJSON_IsArray(parent) && index_of(token, &index))
        ok = cJSON_ReplaceItemInArray(parent, index, item);
    if (!ok) cJSON_Delete(item);
    return ok;
}

bool sim_json_drop(cJSON *root, const char *pointer)
{
    char token[256];
    cJSON *parent = parent_of(root, pointer, token);
    cJSON *item = parent == NULL ? NULL : child_of(parent, token);
    if (item == NULL) return false;
    cJSON_Delete(cJSON_DetachItemViaPointer(parent, item));
    return true;
}
