/* SPDX-License-Identifier: MIT */
/* test_inbox.c - every message arrives once, in order, on its owner's thread, and the box is
 * readable exactly while messages wait. That no post races with an opening is for ThreadSanitizer
 * to see. */
#include "base/inbox.h"
#include "base/mem.h"

#include "tests/support/suite.h"
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#define SENDERS 4
#define LETTERS 5000 /* of each sender */

struct note {
    struct message message;
    int sender, number;
};

static struct inbox *box;
static int opened[8], n_opened;

static void setup(void)
{
    n_opened = 0;
    ck_assert_int_eq((int)inbox_new(&box), (int)ERR_OK);
}

static void teardown(void)
{
    inbox_free(box);
}

FIXTURE(setup, teardown);

static struct note *note_of(struct message *message)
{
    return container_of(message, struct note, message);
}

static void open_note(struct message *message)
{
    opened[n_opened++] = note_of(message)->number;
}

static bool is_readable(void)
{
    struct pollfd fd = {.fd = inbox_fd(box), .events = POLLIN};

    return poll(&fd, 1, 0) == 1;
}

TEST(an_empty_box_is_silent)
{
    ck_assert(!is_readable());
    inbox_run_all(box);
    ck_assert(!is_readable());
}

TEST(a_few_at_a_time_come_out_in_the_same_order_and_the_rest_is_told)
{
    struct note notes[5] = {
        {.number = 1}, {.number = 2}, {.number = 3}, {.number = 4}, {.number = 5}};

    for (size_t i = 0; i < 3; i++)
        inbox_post(box, &notes[i].message, open_note);
    ck_assert(inbox_run_some(box, 2));
    ck_assert_int_eq(n_opened, 2);
    inbox_post(box, &notes[3].message, open_note);
    ck_assert(is_readable()); /* of the new one */
    inbox_post(box, &notes[4].message, open_note);
    ck_assert(!inbox_run_some(box, 2)); /* of what was taken nothing is left */
    ck_assert_int_eq(n_opened, 3);
    ck_assert(!inbox_run_some(box, 2));
    ck_assert(!is_readable());
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(opened[i], i + 1);
}

TEST(letters_are_opened_in_the_order_of_their_posting)
{
    struct note notes[3] = {{.number = 1}, {.number = 2}, {.number = 3}};

    for (size_t i = 0; i < ARRAY_LEN(notes); i++)
        inbox_post(box, &notes[i].message, open_note);
    ck_assert_int_eq(n_opened, 0);
    inbox_run_all(box);
    ck_assert_int_eq(n_opened, 3);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(opened[i], i + 1);
}

TEST(the_box_is_readable_while_letters_wait)
{
    struct note a = {.number = 1}, b = {.number = 2};

    inbox_post(box, &a.message, open_note);
    ck_assert(is_readable());
    inbox_post(box, &b.message, open_note);
    ck_assert(is_readable());
    inbox_run_all(box);
    ck_assert(!is_readable());
}

static void open_and_send_on(struct message *message)
{
    open_note(message);
    if (n_opened < 3)
        inbox_post(box, message, open_and_send_on);
}

TEST(a_letter_whose_ring_was_lost_is_there_for_who_looks)
{
    struct note note = {.number = 7}, next = {.number = 8};
    eventfd_t rings;

    inbox_post(box, &note.message, open_note);
    ck_assert_int_eq(eventfd_read(inbox_fd(box), &rings), 0);
    inbox_post(box, &next.message, open_note); /* rings for the first one only */
    ck_assert(!is_readable());
    inbox_run_all(box);
    ck_assert_int_eq(n_opened, 2);
    inbox_post(box, &note.message, open_note);
    ck_assert(is_readable());
    inbox_run_all(box);
}

TEST(a_letter_posted_while_others_are_opened_waits_for_the_next_time)
{
    struct note note = {.number = 1};

    inbox_post(box, &note.message, open_and_send_on);
    for (int turn = 1; turn <= 3; turn++) {
        ck_assert(is_readable());
        inbox_run_all(box);
        ck_assert_int_eq(n_opened, turn);
    }
    ck_assert(!is_readable());
}

static void open_and_free(struct message *message)
{
    open_note(message);
    free(note_of(message));
}

TEST(a_letter_belongs_to_its_reader_from_its_opening_on)
{
    for (int i = 0; i < 3; i++) {
        struct note *note = xcalloc(1, sizeof *note);
        note->number = i;
        inbox_post(box, &note->message, open_and_free);
    }
    inbox_run_all(box);
    ck_assert_int_eq(n_opened, 3);
}

TEST(each_letter_is_opened_by_its_own_function)
{
    struct note a = {.number = 1}, *b = xcalloc(1, sizeof *b);

    b->number = 2;
    inbox_post(box, &a.message, open_note);
    inbox_post(box, &b->message, open_and_free);
    inbox_run_all(box);
    ck_assert_int_eq(n_opened, 2);
}

SIGNAL_TEST(freeing_a_box_with_letters_is_a_defect, SIGABRT)
{
    struct note note = {.number = 1};

    inbox_post(box, &note.message, open_note);
    inbox_free(box);
}

TEST(freeing_no_box_is_fine)
{
    inbox_free(NULL);
}

/* ---- many senders ---- */

static struct note crowd[SENDERS][LETTERS];
static int seen[SENDERS], n_seen;
static pthread_t owner;

static void open_from_crowd(struct message *message)
{
    struct note *note = note_of(message);

    ck_assert(pthread_equal(pthread_self(), owner));
    ck_assert_int_eq(note->number, seen[note->sender]);
    seen[note->sender]++;
    n_seen++;
}

static void *send_all(void *arg)
{
    struct note *notes = arg;
    long sender = (notes - crowd[0]) / LETTERS;

    for (int i = 0; i < LETTERS; i++) {
        notes[i].sender = (int)sender;
        notes[i].number = i;
        inbox_post(box, &notes[i].message, open_from_crowd);
    }
    return NULL;
}

TEST(many_senders_lose_no_letter_and_no_wakeup)
{
    pthread_t threads[SENDERS];

    owner = pthread_self();
    for (size_t i = 0; i < SENDERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, send_all, crowd[i]), 0);
    while (n_seen < SENDERS * LETTERS) {
        struct pollfd fd = {.fd = inbox_fd(box), .events = POLLIN};
        ck_assert_int_eq(poll(&fd, 1, 30000), 1); /* a lost ring would leave us here */
        inbox_run_all(box);
    }
    for (size_t i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    ck_assert(!is_readable());
    for (size_t i = 0; i < SENDERS; i++)
        ck_assert_int_eq(seen[i], LETTERS);
}
