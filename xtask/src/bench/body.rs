//! What is sent: conversations of three sizes, and one that is answered by events.

use std::sync::LazyLock;

use serde_json::json;

/// A case.
#[derive(Debug)]
pub(crate) struct Case {
    /// Size of the request's body.
    pub(crate) kb: usize,
    /// The answer comes as events.
    pub(crate) stream: bool,
    /// CPU per request over a plain Envoy: at most, and what we are after.
    pub(crate) target: f64,
    pub(crate) aim: f64,
    body: LazyLock<String>,
}

pub(crate) static CASES: [Case; 4] = [
    Case { kb: 1, stream: false, target: 1.6, aim: 1.25, body: LazyLock::new(|| body(1, false)) },
    Case { kb: 20, stream: false, target: 2.0, aim: 1.35, body: LazyLock::new(|| body(20, false)) },
    Case { kb: 200, stream: false, target: 4.0, aim: 2.0, body: LazyLock::new(|| body(200, false)) },
    Case { kb: 1, stream: true, target: 1.3, aim: 1.3, body: LazyLock::new(|| body(1, true)) },
];

impl Case {
    /// The body.
    pub(crate) fn body(&self) -> &str {
        &self.body
    }

    /// For people.
    pub(crate) fn title(&self) -> String {
        if self.stream {
            format!("{} events", pointsman_sim::BENCH_EVENTS)
        } else {
            format!("{} KB", self.kb)
        }
    }
}

/// Turns of a conversation: prose, and code with its quotes and line ends escaped, as agents send it.
const TURNS: [(&str, &str); 4] = [
    (
        "user",
        "The import of the timetable takes four minutes since we moved to the new server, and the old one needed \
         twenty seconds. Nothing else has changed as far as I know. Here is the part that reads the stops:\n\n\
         ```python\nfor line in open(path, encoding=\"utf-8\"):\n    stop, name, lat, lon = line.rstrip(\"\\n\").split(\"\\t\")\n    \
         db.execute(\"INSERT INTO stops VALUES (?, ?, ?, ?)\", (stop, name, float(lat), float(lon)))\n    db.commit()\n```",
    ),
    (
        "assistant",
        "Each stop is committed by itself, so that every line waits for the disk. The old server's disk may have lied \
         about when a write was safe; the new one tells the truth. Put the loop into one transaction:\n\n\
         ```python\nwith db:\n    db.executemany(\"INSERT INTO stops VALUES (?, ?, ?, ?)\", rows(path))\n```",
    ),
    (
        "user",
        "That helped, it is down to six seconds. Now the names of some stops are broken: \"Zürich Flughafen\" became \
         \"ZÃ¼rich Flughafen\". Only those from the second file, though; the first one is fine.",
    ),
    (
        "assistant",
        "The second file is read as Latin-1 somewhere and written as UTF-8. Look for a place that opens it without an \
         encoding: on the new server the default may differ from the old one's.",
    ),
];

fn body(kb: usize, stream: bool) -> String {
    let turn = |n: usize| {
        let (role, text) = TURNS[n % TURNS.len()];
        json!({ "role": role, "content": text })
    };
    let whole = |turns: usize, filler: usize| {
        let mut messages = vec![
            json!({ "role": "system", "content": "You are a patient colleague. ".to_owned() + &"·".repeat(filler) }),
        ];
        messages.extend((0..turns).map(turn));
        messages.push(json!({ "role": "user", "content": "Where would I look first?" }));
        let mut body = json!({ "model": "auto", "messages": messages, "max_tokens": 1024 });
        if stream {
            body["stream"] = json!(true);
        }
        body.to_string()
    };
    // As many turns as fit, an even number; the rest is filled in the system prompt.
    let wanted = kb * 1024;
    let turns = (0..).step_by(2).take_while(|turns| whole(*turns, 0).len() <= wanted).last().unwrap_or(0);
    let missing = wanted.saturating_sub(whole(turns, 0).len());
    whole(turns, missing / "·".len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_have_their_size() {
        for case in &CASES {
            let length = case.body().len();
            assert!((case.kb * 1024 - 2..=case.kb * 1024).contains(&length), "{} is {length}", case.title());
            assert_eq!(case.body().contains("\"stream\":true"), case.stream);
        }
    }
}
