/*
 * yaml - a text in YAML as a tree; the only file that knows libyaml.
 *
 * Anchors and aliases are refused: a few lines of them are as large as one
 * likes.
 *
 * Blocking: no.
 * Threads:  reentrant.
 */
#ifndef GP_IO_YAML_H
#define GP_IO_YAML_H

#include "base/arena.h"
#include "core/import.h"

#define GP_YAML_NODES_MAX 20000
#define GP_YAML_DEPTH_MAX 16

/*
 * gp_yaml_read - the first document of the text, in `arena`.
 * GP_NONE: it is empty.  GP_PERM: no YAML, or more than the bounds above; err
 * says "LINE: why".
 */
GP_MUST_USE enum gp_rc gp_yaml_read(struct gp_str text, struct gp_arena *arena,
    struct gp_import_node **out, struct gp_err *err);

#endif
