//! Open text of our own, easy and hard: the easy ones are to stand below the hard ones.

use pointsman::classify::Classifier;

use crate::calibrate;

/// The part of the pairs that must stand right.
pub const BAR: f64 = 0.95;

/// Little is to be gained on these.
pub const EASY: [&str; 24] = [
    "hi",
    "Hello! How are you?",
    "thanks, that worked",
    "good morning",
    "ok great",
    "What is the capital of Norway?",
    "Who wrote Hamlet?",
    "When was the Eiffel Tower built?",
    "How many legs does a spider have?",
    "What does the word 'ubiquitous' mean?",
    "Rewrite this sentence so that it sounds more polite: Send me the report today.",
    "Fix the spelling: I recieved teh package yesterady.",
    "Translate 'good night' into Italian.",
    "Translate into German: We arrive on Tuesday at noon.",
    "Summarize in one sentence: The shop on the corner will be closed for two weeks in August because of repairs.",
    "Write a short birthday wish for my sister.",
    "Suggest a name for a small grey kitten.",
    "Is a tomato a fruit or a vegetable?",
    "List the days of the week in Spanish.",
    "What is 17 + 25?",
    "Make a shopping list for pancakes.",
    "Set an alarm for 7 am tomorrow.",
    "Is this review positive or negative? The food was lovely and we will come back.",
    "Extract the e-mail address: You can reach Tom at tom@example.org until Friday.",
];

/// Much is to be gained on these.
pub const HARD: [&str; 24] = [
    "our service deadlocks once a day, only under load. two goroutines hold a mutex and wait on the same channel. how do I find out which one is to blame and how do I fix it without losing throughput?",
    "Our payment worker sometimes charges a customer twice after a restart. Here is the flow: read from the queue, call the provider, write to the database, acknowledge. Find every window in which this can happen and propose a design that closes them.",
    "The p99 latency doubled after we moved from one database to three shards, but only for writes that touch two tenants. Walk through the possible causes and say how you would tell them apart.",
    "Memory of our Node process grows by 40 MB an hour and never falls. Heap snapshots show detached closures held by an event emitter. Explain how to locate the leak and rewrite the subscription code.",
    "Implement a lock-free multi-producer single-consumer queue in Rust, justify each memory ordering, and give a test that would fail if one were weaker.",
    "Write a parser for arithmetic expressions with user-defined operators and precedence, report errors with positions, and recover after an error so that several are reported.",
    "Design a rate limiter for 50 data centres that allows bursts, is correct within 1 %, and survives the loss of a region. Compare at least two designs.",
    "Plan the migration of a 4 TB monolithic database to per-tenant schemas with at most one minute of downtime. List the risks, how each is detected, and how to roll back.",
    "Design an event-sourced booking system in which two people can never book the same seat, refunds are auditable, and a replay gives the same state. Which invariants have to hold, and where are they enforced?",
    "Prove that there are infinitely many primes congruent to 3 modulo 4.",
    "Let a_1 = 1 and a_{n+1} = a_n + 1/a_n. Prove that a_n is unbounded and find the limit of a_n / sqrt(n).",
    "Show that every continuous function from the closed unit disc to itself has a fixed point, using only tools from calculus.",
    "Find all positive integers n such that 2^n + 12^n + 2011^n is a perfect square.",
    "A fair coin is tossed until the pattern HTH appears. Compute the expected number of tosses, and compare it with the pattern HHT.",
    "Seven people sit at a round table. In how many ways can they be seated if Anna and Ben must not be neighbours and Clara must sit opposite of nobody who is next to Ben?",
    "Derive the time complexity of this recurrence and prove it: T(n) = 2T(n/3) + T(n/4) + n log n.",
    "Given an array of n integers and k queries (l, r, x), each asking for the count of values in positions l..r that are at most x, write a program that answers all of them in O((n + k) log n).",
    "Refactor the storage layer of our repository so that both SQLite and Postgres work behind one interface, keep the old API for a release, migrate all callers, and add tests for each backend.",
    "The integration tests fail one run in twenty, always in a different place. Investigate: collect the failures, form hypotheses, test each, and fix the root cause.",
    "We have 3 nurses, 12 shifts, and rules on rest, holidays and seniority. Formulate this as an integer program, explain each constraint, and say which to relax first if it is infeasible.",
    "Compare leasing, buying and car sharing for a family of four that drives 9,000 km a year and may move abroad in two years. Build a model with explicit assumptions and say when the answer flips.",
    "A patient with chronic kidney disease, diabetes and atrial fibrillation needs anticoagulation before surgery. Weigh the options, with doses, interactions and monitoring, and justify your choice.",
    "Under a contract that is silent on risk of loss, goods were destroyed in the carrier's warehouse after a late pickup. The seller had shipped the wrong model for half the order. Analyse the claims and defences of all three parties.",
    "Explain how a compiler can prove that a loop is vectorisable in the presence of aliasing pointers, what runtime checks it may emit otherwise, and sketch the transformation for a stencil of width three.",
];

/// Share of the pairs of an easy and a hard prompt in which the hard one stands above, 0 to 1.
pub fn right(classifier: &Classifier) -> f64 {
    let judge = |texts: &[&str]| -> Vec<u32> {
        texts.iter().map(|text| calibrate::judge(classifier, text)).collect()
    };
    let (easy, hard) = (judge(&EASY), judge(&HARD));
    let won = easy.iter().map(|low| hard.iter().filter(|high| *high > low).count()).sum::<usize>();
    won as f64 / (EASY.len() * HARD.len()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn easy_open_text_stands_below_hard() {
        let classifier = Classifier::shipped();
        let found = right(&classifier);
        assert!((BAR..=1.0).contains(&found), "{found}");
        let judge = |text| calibrate::judge(&classifier, text);
        for hard in [
            "our service deadlocks once a day under load, find out why",
            "why does our queue lose a message once in a while when two workers restart at the same time?",
            "prove that there is no largest prime",
        ] {
            for easy in ["hi", "thanks!", "What is the capital of Norway?"] {
                assert!(judge(hard) > judge(easy), "{hard} / {easy}");
            }
        }
    }
}
