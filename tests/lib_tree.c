#include "tests/lib_tree.h"

#include <check.h>

#define ALL_KEYS (KEY(A) | KEY(B) | KEY(C) | KEY(D) | KEY(E) | KEY(F))

struct tree tree;

const char *tree_name(unsigned role)
{
    static const char *const name[] = {"a", "b", "c", "d", "e", "f"};
    return name[role - A];
}

void tree_plant(const struct up_profile *p)
{
    static struct rig rig;
    tree = (struct tree){.rig = &rig};
    rig_up(&rig, UP_IMAGE, p);
    tree.meta = author_text("%s", "");
}

char *tree_to(unsigned role, const char *path, const char *extra)
{
    return author_delegation(&tree.rig->author, tree_name(role), (struct author_ring){KEY(role), 1}, path,
                             extra);
}

char *tree_list(const char *first, const char *second)
{
    return author_text("%s,%s", first, second);
}

char *tree_body(unsigned version, const char *images, const char *delegations)
{
    const char *block = *delegations ? author_delegations(&tree.rig->author, ALL_KEYS, delegations) : "";
    return author_targets_body(&tree.rig->author, version, images, block);
}

void tree_put(unsigned role, struct up_span file)
{
    const char *n = tree_name(role);
    tree.meta = author_text("%s%s%s", tree.meta, *tree.meta ? "," : "", author_meta(n, 1));
    shelf_put(&tree.rig->shelf, author_text("1.%s.json", n), file);
}

void tree_role(unsigned which, const char *images, const char *delegations)
{
    tree_put(which, author_sign(tree.rig->policy.profile, KEY(which), tree_body(1, images, delegations)));
}

void tree_top(const char *images, const char *delegations)
{
    struct up_span targets = author_file(&tree.rig->author, UP_TARGETS, tree_body(1, images, delegations));
    shelf_publish(&tree.rig->shelf, &tree.rig->author, 1, targets, 1, tree.meta);
    IS(rig_cycle(tree.rig), UP_OK);
}

enum up_err tree_look_for(const char *name)
{
    tree.rig->shelf.log[0] = 0;
    up_search_begin(&tree.search, &tree.rig->trust, up_span_of(name), UP_SPAN("hw-1"));
    return shelf_search(&tree.rig->shelf, &tree.search, tree.rig->now_s, &tree.found);
}

char *tree_to_many(unsigned agreement, unsigned first, unsigned last, const char *path, const char *extra)
{
    char *roles = author_text("%s", "");
    for (unsigned k = first; k <= last; k++)
        roles = author_text("%s%s{\"name\":\"%s\",\"keyids\":%s,\"threshold\":1}", roles, *roles ? "," : "",
                            tree_name(k), author_keyids(tree.rig->policy.profile, KEY(k)));
    return author_text("{%s\"min_roles_in_agreement\":%u,\"paths\":[\"%s\"],\"roles\":[%s]}", extra,
                       agreement, path, roles);
}
