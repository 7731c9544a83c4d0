/* SPDX-License-Identifier: MIT */
/* group.c - see sqlite.h. Several writes in one transaction, which costs one sync of the disk. Each
 * is a savepoint, so that one that fails does not undo the others.
 *
 * A group is lost after an I/O error, because the connection is not trusted then, and if SQLite has
 * rolled the whole transaction back, as it may do if the disk is full. Then no more is written: the
 * next statement would be a transaction of its own. */
#include "store/sqlite/sqlite.h"

static bool is_lost(const struct sqlite_store *s)
{
    bool is_trusted = s->is_in_memory || !s->is_suspect;

    return s->is_group_lost || !is_trusted || sqlite3_get_autocommit(s->db);
}

enum err sqlite_group_begin(struct store *store)
{
    struct sqlite_store *s = sqlite_of(store);
    enum err err = sql_begin(s, SQL_BEGIN);

    if (err)
        return err;
    s->group_counts = sql_counts(s);
    s->is_group_lost = false;
    s->is_in_group = true;
    return ERR_OK;
}

enum err sqlite_group_end(struct store *store)
{
    struct sqlite_store *s = sqlite_of(store);
    enum err err = is_lost(s) ? ERR_STORAGE_UNAVAILABLE : ERR_OK;

    s->is_in_group = false;
    return sql_end_counted(s, err, s->group_counts);
}

enum err sql_begin_member(struct sqlite_store *s)
{
    return is_lost(s) ? ERR_STORAGE_UNAVAILABLE : sql_exec(s, NULL, SQL_SAVEPOINT, "");
}

/* Undoes what follows the savepoint. */
static enum err undo(struct sqlite_store *s)
{
    enum err err = sql_exec(s, NULL, SQL_ROLLBACK_TO, "");

    return err ? err : sql_exec(s, NULL, SQL_RELEASE, "");
}

enum err sql_end_member(struct sqlite_store *s, enum err err)
{
    if (!err)
        err = sql_exec(s, NULL, SQL_RELEASE, "");
    if (err && !is_lost(s) && undo(s))
        s->is_group_lost = true;
    return err;
}
