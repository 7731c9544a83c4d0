/* SPDX-License-Identifier: MIT */
/* replay.c - runs one target over its corpus, without libFuzzer: any compiler works.
 *
 * Without arguments, the corpus is tests/fuzz/corpus/ and the name under which the program was
 * built; with arguments, each is a file. Every input is copied into a block of its own size, so
 * that a sanitizer detects a read past its end. A folder without files fails, because it would
 * prove nothing. */
#include "base/mem.h"
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void replay(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat st;

    if (!file || fstat(fileno(file), &st) != 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(1);
    }
    size_t size = (size_t)st.st_size;
    autofree uint8_t *data = malloc(size); /* the exact size; malloc(0) must not be read */
    if (fread(data, 1, size, file) != size) {
        fprintf(stderr, "%s: cannot be read to its end\n", path);
        exit(1);
    }
    fclose(file);
    LLVMFuzzerTestOneInput(data, size);
}

static int is_input(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int replay_folder(const char *folder)
{
    struct dirent **entries;
    int n = scandir(folder, &entries, is_input, alphasort);

    for (int i = 0; i < n; i++) {
        autofree char *path = NULL;
        if (asprintf(&path, "%s/%s", folder, entries[i]->d_name) < 0)
            abort();
        printf("%s\n", path); /* printed only after a failure; then the last line names the input */
        fflush(stdout);
        replay(path);
        free(entries[i]);
    }
    if (n > 0)
        free(entries);
    return n;
}

int main(int argc, char **argv)
{
    char folder[512];
    int n = argc - 1;

    for (int i = 1; i < argc; i++)
        replay(argv[i]);
    if (!n) {
        snprintf(folder, sizeof folder, "tests/fuzz/corpus/%s", program_invocation_short_name);
        n = replay_folder(folder);
    }
    if (n <= 0) {
        fprintf(stderr, "%s: nothing to replay\n", folder);
        return 1;
    }
    printf("100%%: %d inputs\n", n); /* the format in which run_programs.sh expects a summary */
    return 0;
}
