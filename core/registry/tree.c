/* SPDX-License-Identifier: Apache-2.0 */
/* The treap over the live objects. Called under the cache's lock, or by its only writer. */
#include "core/registry/tree.h"

#include "core/registry/block.h"

static size_t count_of(const struct registry_object *node)
{
    return node != NULL ? registry_block_of(node)->count : 0;
}

static void update_count(struct registry_object *node)
{
    struct registry_block *block = registry_block_of(node);
    block->count = (uint32_t)(1 + count_of(block->left) + count_of(block->right));
}

struct registry_object *registry_tree_find(const struct registry_tree *tree, struct ke_str key)
{
    struct registry_object *node = tree->root;
    while (node != NULL) {
        int order = ke_str_cmp(key, node->key);
        if (order == 0)
            return node;
        struct registry_block *block = registry_block_of(node);
        node = order < 0 ? block->left : block->right;
    }
    return NULL;
}

/* Keys smaller than key to *left, the others to *right. */
static void split(struct registry_object *node, struct ke_str key, struct registry_object **left,
                  struct registry_object **right)
{
    if (node == NULL) {
        *left = NULL;
        *right = NULL;
        return;
    }
    struct registry_block *block = registry_block_of(node);
    if (ke_str_cmp(node->key, key) < 0) {
        split(block->right, key, &block->right, right);
        *left = node;
    } else {
        split(block->left, key, left, &block->left);
        *right = node;
    }
    update_count(node);
}

/* All keys of left are smaller than those of right. */
static struct registry_object *merge(struct registry_object *left, struct registry_object *right)
{
    if (left == NULL)
        return right;
    if (right == NULL)
        return left;
    struct registry_block *l = registry_block_of(left);
    struct registry_block *r = registry_block_of(right);
    if (l->priority >= r->priority) {
        l->right = merge(l->right, right);
        update_count(left);
        return left;
    }
    r->left = merge(left, r->left);
    update_count(right);
    return right;
}

/* The link that holds key (add: to the counts on the way), or the NULL link where it would be. */
static struct registry_object **find_link(struct registry_tree *tree, struct ke_str key, int add)
{
    struct registry_object **link = &tree->root;
    while (*link != NULL) {
        int order = ke_str_cmp(key, (*link)->key);
        if (order == 0)
            break;
        struct registry_block *block = registry_block_of(*link);
        block->count = (uint32_t)((int64_t)block->count + add);
        link = order < 0 ? &block->left : &block->right;
    }
    return link;
}

static void insert(struct registry_tree *tree, struct registry_object *object)
{
    struct registry_block *block = registry_block_of(object);
    struct registry_object **link = &tree->root;
    while (*link != NULL && registry_block_of(*link)->priority >= block->priority) {
        struct registry_block *above = registry_block_of(*link);
        above->count++;
        link = ke_str_cmp(object->key, (*link)->key) < 0 ? &above->left : &above->right;
    }
    split(*link, object->key, &block->left, &block->right);
    update_count(object);
    *link = object;
}

struct registry_object *registry_tree_put(struct registry_tree *tree,
                                          struct registry_object *object)
{
    struct registry_object **link = find_link(tree, object->key, 0);
    struct registry_object *old = *link;
    if (old == NULL) {
        insert(tree, object);
        return NULL;
    }
    struct registry_block *from = registry_block_of(old);
    struct registry_block *to = registry_block_of(object);
    to->left = from->left;
    to->right = from->right;
    to->count = from->count;
    *link = object;
    from->left = NULL;
    from->right = NULL;
    return old;
}

struct registry_object *registry_tree_del(struct registry_tree *tree, struct ke_str key)
{
    if (registry_tree_find(tree, key) == NULL)
        return NULL;
    struct registry_object **link = find_link(tree, key, -1);
    struct registry_object *old = *link;
    struct registry_block *block = registry_block_of(old);
    *link = merge(block->left, block->right);
    block->left = NULL;
    block->right = NULL;
    return old;
}

size_t registry_tree_count(const struct registry_tree *tree)
{
    return count_of(tree->root);
}

size_t registry_tree_rank(const struct registry_tree *tree, struct ke_str key)
{
    size_t rank = 0;
    const struct registry_object *node = tree->root;
    while (node != NULL) {
        const struct registry_block *block = registry_block_of(node);
        if (ke_str_cmp(node->key, key) < 0) {
            rank += count_of(block->left) + 1;
            node = block->right;
        } else {
            node = block->left;
        }
    }
    return rank;
}

static bool walk(struct registry_object *node, struct ke_str from, registry_tree_visit_fn *visit,
                 void *ctx)
{
    while (node != NULL) {
        struct registry_block *block = registry_block_of(node);
        if (from.len == 0 || ke_str_cmp(node->key, from) >= 0) {
            if (!walk(block->left, from, visit, ctx) || !visit(ctx, node))
                return false;
            from = KE_STR(""); /* all to the right is beyond it */
        }
        node = block->right;
    }
    return true;
}

void registry_tree_walk(const struct registry_tree *tree, struct ke_str from,
                        registry_tree_visit_fn *visit, void *ctx)
{
    (void)walk(tree->root, from, visit, ctx);
}

static void clear(struct registry_object *node)
{
    while (node != NULL) {
        struct registry_block *block = registry_block_of(node);
        struct registry_object *right = block->right;
        clear(block->left);
        block->left = NULL;
        block->right = NULL;
        registry_object_unref(node);
        node = right;
    }
}

void registry_tree_clear(struct registry_tree *tree)
{
    clear(tree->root);
    tree->root = NULL;
}
