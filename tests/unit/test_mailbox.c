/* SPDX-License-Identifier: MIT */
/* test_mailbox.c - every letter arrives once, in order, on its owner's thread, and the box is
 * readable exactly while letters wait. That no post races with an opening is for ThreadSanitizer to
 * see. */
#include "base/mailbox.h"
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
    struct letter letter;
    int sender, number;
};

static struct mailbox *box;
static int opened[8], n_opened;

static void setup(void)
{
    n_opened = 0;
    ck_assert_int_eq((int)mailbox_new(&box), (int)ERR_OK);
}

static void teardown(void)
{
    mailbox_free(box);
}

FIXTURE(setup, teardown);

static struct note *note_of(struct letter *letter)
{
    return container_of(letter, struct note, letter);
}

static void open_note(struct letter *letter)
{
    opened[n_opened++] = note_of(letter)->number;
}

static bool is_readable(void)
{
    struct pollfd fd = {.fd = mailbox_fd(box), .events = POLLIN};

    return poll(&fd, 1, 0) == 1;
}

TEST(an_empty_box_is_silent)
{
    ck_assert(!is_readable());
    mailbox_open_all(box);
    ck_assert(!is_readable());
}

TEST(a_few_at_a_time_come_out_in_the_same_order_and_the_rest_is_told)
{
    struct note notes[5] = {
        {.number = 1}, {.number = 2}, {.number = 3}, {.number = 4}, {.number = 5}};

    for (size_t i = 0; i < 3; i++)
        mailbox_post(box, &notes[i].letter, open_note);
    ck_assert(mailbox_open_some(box, 2));
    ck_assert_int_eq(n_opened, 2);
    mailbox_post(box, &notes[3].letter, open_note);
    ck_assert(is_readable()); /* of the new one */
    mailbox_post(box, &notes[4].letter, open_note);
    ck_assert(!mailbox_open_some(box, 2)); /* of what was taken nothing is left */
    ck_assert_int_eq(n_opened, 3);
    ck_assert(!mailbox_open_some(box, 2));
    ck_assert(!is_readable());
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(opened[i], i + 1);
}

TEST(letters_are_opened_in_the_order_of_their_posting)
{
    struct note notes[3] = {{.number = 1}, {.number = 2}, {.number = 3}};

    for (size_t i = 0; i < ARRAY_LEN(notes); i++)
        mailbox_post(box, &notes[i].letter, open_note);
    ck_assert_int_eq(n_opened, 0);
    mailbox_open_all(box);
    ck_assert_int_eq(n_opened, 3);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(opened[i], i + 1);
}

TEST(the_box_is_readable_while_letters_wait)
{
    struct note a = {.number = 1}, b = {.number = 2};

    mailbox_post(box, &a.letter, open_note);
    ck_assert(is_readable());
    mailbox_post(box, &b.letter, open_note);
    ck_assert(is_readable());
    mailbox_open_all(box);
    ck_assert(!is_readable());
}

static void open_and_send_on(struct letter *letter)
{
    open_note(letter);
    if (n_opened < 3)
        mailbox_post(box, letter, open_and_send_on);
}

TEST(a_letter_whose_ring_was_lost_is_there_for_who_looks)
{
    struct note note = {.number = 7}, next = {.number = 8};
    eventfd_t rings;

    mailbox_post(box, &note.letter, open_note);
    ck_assert_int_eq(eventfd_read(mailbox_fd(box), &rings), 0);
    mailbox_post(box, &next.letter, open_note); /* rings for the first one only */
    ck_assert(!is_readable());
    mailbox_open_all(box);
    ck_assert_int_eq(n_opened, 2);
    mailbox_post(box, &note.letter, open_note);
    ck_assert(is_readable());
    mailbox_open_all(box);
}

TEST(a_letter_posted_while_others_are_opened_waits_for_the_next_time)
{
    struct note note = {.number = 1};

    mailbox_post(box, &note.letter, open_and_send_on);
    for (int turn = 1; turn <= 3; turn++) {
        ck_assert(is_readable());
        mailbox_open_all(box);
        ck_assert_int_eq(n_opened, turn);
    }
    ck_assert(!is_readable());
}

static void open_and_free(struct letter *letter)
{
    open_note(letter);
    free(note_of(letter));
}

TEST(a_letter_belongs_to_its_reader_from_its_opening_on)
{
    for (int i = 0; i < 3; i++) {
        struct note *note = xcalloc(1, sizeof *note);
        note->number = i;
        mailbox_post(box, &note->letter, open_and_free);
    }
    mailbox_open_all(box);
    ck_assert_int_eq(n_opened, 3);
}

TEST(each_letter_is_opened_by_its_own_function)
{
    struct note a = {.number = 1}, *b = xcalloc(1, sizeof *b);

    b->number = 2;
    mailbox_post(box, &a.letter, open_note);
    mailbox_post(box, &b->letter, open_and_free);
    mailbox_open_all(box);
    ck_assert_int_eq(n_opened, 2);
}

SIGNAL_TEST(freeing_a_box_with_letters_is_a_defect, SIGABRT)
{
    struct note note = {.number = 1};

    mailbox_post(box, &note.letter, open_note);
    mailbox_free(box);
}

TEST(freeing_no_box_is_fine)
{
    mailbox_free(NULL);
}

/* ---- many senders ---- */

static struct note crowd[SENDERS][LETTERS];
static int seen[SENDERS], n_seen;
static pthread_t owner;

static void open_from_crowd(struct letter *letter)
{
    struct note *note = note_of(letter);

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
        mailbox_post(box, &notes[i].letter, open_from_crowd);
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
        struct pollfd fd = {.fd = mailbox_fd(box), .events = POLLIN};
        ck_assert_int_eq(poll(&fd, 1, 30000), 1); /* a lost ring would leave us here */
        mailbox_open_all(box);
    }
    for (size_t i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    ck_assert(!is_readable());
    for (size_t i = 0; i < SENDERS; i++)
        ck_assert_int_eq(seen[i], LETTERS);
}
