/* Model R by hand: one program for one network. argv: runs, seed. Prints hits of 6 h, the sum of times (h) and seconds taken. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TOPICS 3
#define TURNS 256

static uint64_t state[4];

static uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

static void begin(uint64_t seed, uint64_t run) {
    uint64_t key = mix(seed + run * 0x9E3779B97F4A7C15u);
    for (int i = 0; i < 4; i++) state[i] = mix(key + (i + 1) * 0x9E3779B97F4A7C15u);
}

static inline double uniform(void) {
    uint64_t total = state[0] + state[3], drawn = ((total << 23) | (total >> 41)) + state[0], shifted = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = (state[3] << 45) | (state[3] >> 19);
    return ((double)(drawn >> 12) + 0.5) * 0x1p-52;
}

static inline double exponential(double mean) { return -mean * log(uniform()); }

static double turns[TURNS];
static int drawn, down_first;

static void begin_link(void) {
    down_first = uniform() >= 6.0 / 6.5;
    turns[0] = exponential(down_first ? 0.5 : 6.0);
    drawn = 1;
}

static double carried(double at, double left) {
    for (int turn = 0;; turn++) {
        if (turn == drawn) {
            if (drawn == TURNS) exit(1);
            turns[drawn] = turns[drawn - 1] + exponential((drawn + down_first) & 1 ? 0.5 : 6.0);
            drawn++;
        }
        if (turns[turn] <= at) continue;
        if (((turn + down_first) & 1) == 0) {
            if (at + left <= turns[turn]) return at + left;
            left -= turns[turn] - at;
        }
        at = turns[turn];
    }
}

static void in_order(double *times) {
    for (int i = 1; i < TOPICS; i++)
        for (int j = i; j > 0 && times[j] < times[j - 1]; j--) {
            double held = times[j];
            times[j] = times[j - 1];
            times[j - 1] = held;
        }
}

/* Two seats: each takes the next as it becomes free. `ready` in order of arrival; `done` as they finish. */
static void at_two_seats(const double *ready, double mean, double *done) {
    double free_at[2] = {0.0, 0.0};
    for (int i = 0; i < TOPICS; i++) {
        int seat = free_at[1] < free_at[0];
        double start = free_at[seat] > ready[i] ? free_at[seat] : ready[i];
        done[i] = free_at[seat] = start + exponential(mean);
    }
}

int main(int count, char **words) {
    long runs = count > 1 ? atol(words[1]) : 1000000, hits = 0;
    uint64_t seed = count > 2 ? strtoull(words[2], 0, 10) : 7;
    double total = 0.0;
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (long run = 0; run < runs; run++) {
        double zero[TOPICS] = {0}, prepared[TOPICS], studied[TOPICS], last = 0.0;
        begin(seed, run);
        begin_link();
        at_two_seats(zero, 0.75, prepared);
        for (int i = 0; i < TOPICS; i++) prepared[i] = carried(prepared[i], exponential(0.1));
        in_order(prepared);
        at_two_seats(prepared, 1.0, studied);
        for (int i = 0; i < TOPICS; i++) {
            double back = carried(studied[i], exponential(0.1));
            if (back > last) last = back;
        }
        double one = exponential(0.5), other = exponential(0.5);
        double time = last + (one > other ? one : other) + exponential(0.5);
        hits += time <= 6.0;
        total += time;
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    printf("%ld %.9f %.6f\n", hits, total, (to.tv_sec - from.tv_sec) + 1e-9 * (to.tv_nsec - from.tv_nsec));
    return 0;
}
