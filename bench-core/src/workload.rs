//! Requests to measure with: the same ones natively and in WebAssembly.

/// A request body, and what is asked of judging it.
#[derive(Clone, Debug)]
pub struct Workload {
    /// What it is, in a few words.
    pub name: &'static str,
    /// A Chat Completions body.
    pub body: Vec<u8>,
    /// The longest that judging it may take, in microseconds: natively and in WebAssembly.
    pub bar_us: [Option<f64>; 2],
}

/// Paragraphs that a prompt is put together from. Prose, code, numbers and accents, as prompts have them.
const PARAGRAPHS: [&str; 8] = [
    "We run a small bakery and want to know how many loaves we should bake on a rainy Tuesday in November, given last year's \
     sales of 214, 198, 240 and 187 on comparable days, when the market square was closed on two of them.",
    "Please explain the difference between a stable and an unstable sorting algorithm. Which one would you choose for a list \
     of customers that is already sorted by surname, and why does it matter for the report that we print every month?",
    "fn merge(left: &[u32], right: &[u32]) -> Vec<u32> {\n    let mut out = Vec::with_capacity(left.len() + right.len());\n    \
     // the smaller head first\n    out\n}",
    "The train leaves at 9:40 and takes 2 h 25 min; the connection in München waits for at most 6 minutes. Will the 12:10 be \
     caught if there is a delay of a quarter of an hour between Ulm and Augsburg?",
    "Summarise the following minutes in three bullet points, keep the names, and don't mention the discussion about the coffee \
     machine: the council met on Monday, approved the budget of 1,250,000 and postponed the vote on the bridge.",
    "Our patient is 54 years old, takes metformin and reports dizziness after standing up. What should be asked next, which \
     tests are sensible, and what would make this an emergency?",
    "If all of the boxes that are red are heavy and none of the heavy boxes is on the upper shelf, can a red box be on the upper \
     shelf? Prove it, or give a counterexample with at most four boxes.",
    "Write a friendly reply to a customer who received the wrong size twice. Offer a refund and a voucher, but do not promise \
     a delivery date; we don't know yet when the warehouse can ship again.",
];

/// All of them, small to large.
pub fn all() -> Vec<Workload> {
    vec![
        Workload { name: "prompt of 1 KB", body: prompt(1_000), bar_us: [Some(10.0), Some(25.0)] },
        Workload { name: "prompt of 4 KB", body: prompt(4_000), bar_us: [None; 2] },
        Workload { name: "prompt of 20 KB", body: prompt(20_000), bar_us: [None; 2] },
        Workload { name: "prompt of 200 KB", body: prompt(200_000), bar_us: [None; 2] },
        Workload { name: "conversation of 200 KB", body: conversation(200_000), bar_us: [Some(150.0), None] },
    ]
}

/// Paragraphs from a number on, up to so many bytes.
fn text(from: usize, bytes: usize) -> String {
    let mut text = String::new();
    for n in from.. {
        if text.len() >= bytes {
            break;
        }
        text.push_str(PARAGRAPHS[n * 5 % PARAGRAPHS.len()]);
        text.push_str("\n\n");
    }
    let mut end = bytes;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn prompt(bytes: usize) -> Vec<u8> {
    let text = quoted(&text(0, bytes));
    format!(r#"{{"model":"auto","messages":[{{"role":"user","content":"{text}"}}]}}"#).into_bytes()
}

/// A person's question, then an agent's calls and their results, with another turn of the person now and then and one at the
/// end.
fn conversation(bytes: usize) -> Vec<u8> {
    let mut body = format!(
        r#"{{"model":"auto","messages":[{{"role":"system","content":"{}"}},{{"role":"user","content":"{}"}}"#,
        quoted(&text(3, 6_000)),
        quoted(&text(1, 1_500)),
    );
    for n in 0.. {
        if body.len() + 1_000 > bytes {
            break;
        }
        body.push_str(&format!(
            r#",{{"role":"assistant","content":"{}","tool_calls":[{{"id":"call_{n}","type":"function","function":{{"name":"read","arguments":"{{\"path\":\"src/part_{n}.rs\"}}"}}}}]}},{{"role":"tool","tool_call_id":"call_{n}","content":"{}"}}"#,
            quoted(&text(n, 200)),
            quoted(&text(n, 2_000)),
        ));
        if n % 10 == 9 {
            body.push_str(&format!(r#",{{"role":"user","content":"{}"}}"#, quoted(&text(n, 400))));
        }
    }
    body.push_str(&format!(r#",{{"role":"user","content":"{}"}}]}}"#, quoted(&text(6, 900))));
    body.into_bytes()
}
