#!/usr/bin/env python3
"""Trains a small word trigram model on a text file. Python 3 and its standard library, nothing else.

    train.py --data FILE [--epochs N]          train, and report the perplexity on text it has not seen
    train.py --generate BYTES --out FILE       write synthetic text to train on (BYTES may be 500K, 8M)

The model mixes trigram, bigram, unigram and uniform probabilities. Of every ten lines eight are counted,
one tunes the four mixing weights (each epoch is one pass of expectation-maximisation over it), and one is
held out for the perplexity. The counts are kept in memory, so that memory and time grow with the data:
it is an example of a job whose needs can be told from the size of its input.

Exit status: 0 done, 1 the data cannot be read, written or trained on, 2 wrong usage.
"""

import argparse
import array
import itertools
import math
import os
import random
import sys
import time

EPOCHS_DEFAULT = 3
SEED_DEFAULT = 1
MEBIBYTE = 1024 * 1024

# Two word numbers are packed into one integer key; 28 bits each stay below 2**60, where Python's integers
# take one more machine word.
KEY_BITS = 28


class InputError(Exception):
    """Something about the files given makes the work impossible; the text says what."""


# ---- Training -------------------------------------------------------------------------------------------


class Corpus:
    """A text file as word numbers, divided into three parts."""

    def __init__(self):
        self.vocabulary = {}
        # One flat array of word numbers per part. Machine integers: the counts are what takes the memory.
        self.train = array.array("I")
        self.tune = array.array("I")
        self.held_out = array.array("I")

    def word_count(self):
        return len(self.train) + len(self.tune) + len(self.held_out)


def read_corpus(path):
    """Reads a text file line by line: the whole of it in one string would only add to the peak."""
    corpus = Corpus()
    vocabulary = corpus.vocabulary
    parts = [corpus.train] * 8 + [corpus.tune, corpus.held_out]
    number_of_word = vocabulary.setdefault
    with open(path, encoding="utf-8") as text:
        for line, part in zip(text, itertools.cycle(parts)):
            part.extend([number_of_word(word, len(vocabulary)) for word in line.split()])
    return corpus


class TrigramModel:
    """Counts, and the weights that mix them.

    `pairs[a]` maps the word b to how often "a b" was seen. `triples[b]` maps the packed pair (a, c) to how
    often "a b c" was seen. The tables are divided by word because one large dictionary doubles its size in
    one step: many of unequal size grow smoothly.
    """

    def __init__(self, words, vocabulary_size):
        self.vocabulary_size = vocabulary_size
        self.total = len(words)
        self.singles = [0] * vocabulary_size
        self.pairs = [{} for _ in range(vocabulary_size)]
        self.triples = [{} for _ in range(vocabulary_size)]
        self.weights = [0.25, 0.25, 0.25, 0.25]
        self._count(words)

    def _count(self, words):
        singles, pairs, triples = self.singles, self.pairs, self.triples
        first = second = None
        for third in words:
            singles[third] += 1
            if second is not None:
                following = pairs[second]
                following[third] = following.get(third, 0) + 1
            if first is not None:
                around = triples[second]
                key = first << KEY_BITS | third
                around[key] = around.get(key, 0) + 1
            first, second = second, third

    def size(self):
        """Distinct pairs and distinct triples."""
        return sum(map(len, self.pairs)), sum(map(len, self.triples))

    def _components(self, words):
        """For each word with two before it: its probability by each of the four models."""
        singles, pairs, triples, total = self.singles, self.pairs, self.triples, self.total
        uniform = 1.0 / self.vocabulary_size
        for first, second, third in zip(words, words[1:], words[2:]):
            following = pairs[second]
            seen_second = singles[second]
            seen_pair = pairs[first].get(second, 0)
            yield (
                triples[second].get(first << KEY_BITS | third, 0) / seen_pair if seen_pair else 0.0,
                following.get(third, 0) / seen_second if seen_second else 0.0,
                singles[third] / total,
                uniform,
            )

    def tune(self, words):
        """One pass of expectation-maximisation over the weights. Returns the perplexity before it."""
        w3, w2, w1, w0 = self.weights
        share3 = share2 = share1 = share0 = log_sum = 0.0
        for p3, p2, p1, p0 in self._components(words):
            p3 *= w3
            p2 *= w2
            p1 *= w1
            p0 *= w0
            mixed = p3 + p2 + p1 + p0
            share3 += p3 / mixed
            share2 += p2 / mixed
            share1 += p1 / mixed
            share0 += p0 / mixed
            log_sum += math.log(mixed)
        places = len(words) - 2
        # A weight of exactly 0 would stay 0 for ever, and the uniform one keeps every probability above 0.
        shares = [max(share / places, 1e-9) for share in (share3, share2, share1, share0)]
        self.weights = [share / sum(shares) for share in shares]
        return math.exp(-log_sum / places)

    def perplexity(self, words):
        w3, w2, w1, w0 = self.weights
        log_sum = sum(
            math.log(w3 * p3 + w2 * p2 + w1 * p1 + w0 * p0) for p3, p2, p1, p0 in self._components(words)
        )
        return math.exp(-log_sum / (len(words) - 2))


def train(path, epochs):
    started = time.monotonic()
    size = os.stat(path).st_size
    corpus = read_corpus(path)
    if min(len(corpus.train), len(corpus.tune), len(corpus.held_out)) < 3:
        raise InputError(
            f"{path}: too little text to train on ({corpus.word_count()} words; "
            "ten lines of three words are the least)"
        )
    say(
        f"read {path}: {size / MEBIBYTE:.1f} MiB, {corpus.word_count():,} words, "
        f"{len(corpus.vocabulary):,} different"
    )
    model = TrigramModel(corpus.train, len(corpus.vocabulary))
    pairs, triples = model.size()
    say(f"counted {pairs:,} pairs and {triples:,} triples")
    for epoch in range(1, epochs + 1):
        perplexity = model.tune(corpus.tune)
        say(f"epoch {epoch}/{epochs}: perplexity {perplexity:,.1f} on the tuning part")
    weights = " ".join(f"{weight:.3f}" for weight in model.weights)
    say(f"weights (triple pair single uniform): {weights}")
    say(f"held-out perplexity {model.perplexity(corpus.held_out):,.1f}")
    say(f"done in {time.monotonic() - started:.1f} s")


# ---- Synthetic text -------------------------------------------------------------------------------------

VOCABULARY_SIZE = 40_000
FOLLOWERS = 16  # each word has this many words that like to follow it ...
FOLLOW_SHARE = 0.5  # ... and this share of places is taken by one of them, so there is something to learn
WORDS_IN_LINE = 12
LINES_IN_BATCH = 2_000


def make_words(count):
    """Pronounceable words, all different, the first (the common) ones short: numbers with syllables as digits."""
    syllables = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
    words = []
    for number in range(count):
        word = syllables[number % len(syllables)]
        number //= len(syllables)
        while number:
            number -= 1
            word += syllables[number % len(syllables)]
            number //= len(syllables)
        words.append(word)
    return words


def synthetic_lines(seed):
    """Endless lines of text, the same ones for the same seed. Word frequencies follow Zipf's law."""
    chance = random.Random(seed)
    words = make_words(VOCABULARY_SIZE)
    zipf = list(itertools.accumulate(1.0 / rank for rank in range(1, VOCABULARY_SIZE + 1)))
    numbers = range(VOCABULARY_SIZE)
    followers = [chance.choices(numbers, cum_weights=zipf, k=FOLLOWERS) for _ in numbers]
    current = 0
    while True:
        fresh = chance.choices(numbers, cum_weights=zipf, k=WORDS_IN_LINE * LINES_IN_BATCH)
        for start in range(0, len(fresh), WORDS_IN_LINE):
            line = []
            for number in fresh[start : start + WORDS_IN_LINE]:
                draw = chance.random()
                if draw < FOLLOW_SHARE:
                    number = followers[current][int(draw / FOLLOW_SHARE * FOLLOWERS)]
                line.append(words[number])
                current = number
            yield " ".join(line) + "\n"


def generate(size, path, seed):
    """Writes exactly `size` bytes. What was written is removed again if it cannot be finished."""
    left = size
    with open(path, "w", encoding="ascii", newline="\n") as out:
        try:
            for line in synthetic_lines(seed):
                if len(line) >= left:
                    out.write(line[: left - 1] + "\n")
                    break
                out.write(line)
                left -= len(line)
            out.flush()
        except BaseException:
            # Never a device or a pipe that was named as the output.
            if os.path.isfile(path):
                os.unlink(path)
            raise
    say(f"wrote {path}: {size:,} bytes")


# ---- Command line ---------------------------------------------------------------------------------------


def say(text):
    print(text, flush=True)


def positive(text):
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"not a whole number: {text!r}") from None
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1: {text}")
    return number


def byte_size(text):
    factor = {"K": 1024, "M": MEBIBYTE, "G": 1024 * MEBIBYTE}.get(text[-1:].upper())
    return positive(text[:-1]) * factor if factor else positive(text)


def parse_arguments(argv):
    parser = argparse.ArgumentParser(
        description="Train a small word trigram model on a text file, or generate text to train on.",
        allow_abbrev=False,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--data", metavar="FILE", help="train on this text (UTF-8)")
    what.add_argument(
        "--generate", metavar="BYTES", type=byte_size, help="write this much synthetic text (500K, 8M) to --out"
    )
    parser.add_argument(
        "--epochs", metavar="N", type=positive, help=f"passes over the tuning part (default {EPOCHS_DEFAULT})"
    )
    parser.add_argument("--out", metavar="FILE", help="where --generate writes")
    parser.add_argument(
        "--seed", metavar="N", type=positive, help=f"of --generate: same seed, same text (default {SEED_DEFAULT})"
    )
    options = parser.parse_args(argv)
    if options.data is not None and (options.out is not None or options.seed is not None):
        parser.error("--out and --seed go with --generate, not with --data")
    if options.generate is not None and options.epochs is not None:
        parser.error("--epochs goes with --data, not with --generate")
    if options.generate is not None and options.out is None:
        parser.error("--generate needs --out FILE")
    return options


def main(argv):
    options = parse_arguments(argv)
    try:
        if options.generate is not None:
            generate(options.generate, options.out, options.seed or SEED_DEFAULT)
        else:
            train(options.data, options.epochs or EPOCHS_DEFAULT)
    except InputError as error:
        return fail(str(error))
    except UnicodeDecodeError as error:
        return fail(f"{options.data}: not a text in UTF-8 ({error.reason})")
    except MemoryError:
        return fail("out of memory")
    except BrokenPipeError:
        # Nobody reads on. The interpreter would try to flush once more at its end and complain: give it a sink.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return fail("standard output was closed")
    except OSError as error:
        return fail(f"{error.filename or options.out or options.data}: {error.strerror}")
    return 0


def fail(text):
    print(f"train.py: {text}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
