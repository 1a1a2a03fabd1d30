//! The object that keeps a record, by itself: what the core says of each call, one call after the other.

use std::{
    net::SocketAddr,
    time::{Duration, SystemTime},
};

use live::{
    folder::Folder,
    workerd::{Site, Store, Workerd},
};
use pointsman::store;
use real_hosts::{client::Ask, stage::Script};

use crate::play;

const BINDING: &str = "POINTSMAN_STORE";

/// Asks the object that the path names the question in the body.
const ASKER: &str = "export default {
  async fetch(request, env) {
    const { POINTSMAN_STORE: objects } = env;
    try {
      const object = objects.get(objects.idFromName(new URL(request.url).pathname));
      return new Response(await object.ask(await request.text()));
    } catch (error) {
      return new Response(String(error), { status: 500 });
    }
  },
};
";

fn site(name: &str, folder: &Folder, of: &str) -> Site {
    let store =
        Store { binding: BINDING.to_owned(), class: "Store".to_owned(), of: Some(of.to_owned()), disk: None };
    Site {
        name: name.to_owned(),
        folder: folder.path().to_owned(),
        modules: vec!["index.js".to_owned()],
        texts: Vec::new(),
        kv: None,
        analytics: false,
        store: Some(store),
    }
}

/// The Worker with its objects, and another one that asks them. They lie on disk: in memory workerd dies of its own alarms
/// (workerd#7191).
async fn start() -> (Workerd, Folder) {
    let folder = Folder::new("asker").expect("a folder");
    let disk = folder.path().join("disk");
    std::fs::create_dir(&disk).expect("a folder");
    std::fs::write(folder.path().join("index.js"), ASKER).expect("a file");
    let (cast, _) = Script::new().lane("one", 1).cast().await;
    let mut own = Site::pointsman(&cast.document, &cast.keys).unwrap_or_else(|failure| panic!("{failure}"));
    own.store =
        Some(Store { binding: BINDING.to_owned(), class: "Store".to_owned(), of: None, disk: Some(disk) });
    let workerd = Workerd::start(&[own, site("asker", &folder, "pointsman")]);
    (workerd.unwrap_or_else(|failure| panic!("{failure}")), folder)
}

async fn ask(to: SocketAddr, name: &str, question: &str) -> (u16, String) {
    let answer = Ask::post(&format!("/{name}"), question.to_owned()).send(to).await;
    (answer.status, answer.text())
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time").as_secs()
}

#[test]
fn each_call_is_answered_as_the_core_answers_it() {
    play(async {
        let (workerd, _folder) = start().await;
        let to = workerd.address("asker");
        let (from, until, at) = (now() - 10, now() + 1000, now());
        let mut record = String::new();
        for question in [
            format!("claim {from} {until} 1 {at} 300 1000"),
            format!("claim {from} {until} 1 {at} 300 1000"),
            format!("claim {from} {until} 2 {at} 800 1000"),
            format!("claim {from} {until} 3 {at} 5 1000"),
            format!("settle {from} {until} 1 {at} 1 250"),
            format!("settle {from} {until} 1 {at} 1 250"),
            format!("claim {from} {until} 4 {at} 5 -"),
            // The next window begins anew.
            format!("claim {until} {} 5 {at} 5 100", until + 1000),
        ] {
            let served = store::serve(&record, &question, at).expect("a question");
            record = served.record.unwrap_or(record);
            assert_eq!(ask(to, "purse", &question).await, (200, served.answer), "{question}");
        }
        // What is no question is an error, and changes nothing.
        for nonsense in ["", "claim", "steal 1 2 3"] {
            let (status, text) = ask(to, "purse", nonsense).await;
            assert_eq!(status, 500, "{text}");
            assert!(text.contains("the store does not understand"), "{text}");
        }
        let question = format!("claim {until} {} 6 {at} 5 100", until + 1000);
        let served = store::serve(&record, &question, at).expect("a question");
        assert_eq!(ask(to, "purse", &question).await, (200, served.answer));
        // A note is kept, and is no purse.
        assert_eq!(ask(to, "note", "recall").await, (200, "-".to_owned()));
        let note = pointsman::Remembered {
            tier: 1,
            told: 0,
            target: 7,
            prefix_tokens: 9,
            prefix_bytes: 40,
            seen: 5,
            life: 300,
        };
        let question = store::Question::Remember(note).to_text();
        let kept = store::serve("", &question, at).expect("a question").record.expect("a note");
        assert_eq!(ask(to, "note", &question).await, (200, "-".to_owned()));
        assert_eq!(ask(to, "note", "recall").await, (200, kept.clone()));
        // A record that this version does not understand: an error, and it stays.
        assert_eq!(ask(to, "note", &format!("claim {from} {until} 7 {at} 300 1000")).await.0, 500);
        assert_eq!(ask(to, "note", "recall").await, (200, kept));
    });
}

#[test]
fn of_many_at_once_each_sees_those_before() {
    play(async {
        let (workerd, _folder) = start().await;
        let to = workerd.address("asker");
        let (from, until, at) = (now() - 10, now() + 1000, now());
        let question = |id: usize| format!("claim {from} {until} {id} {at} 300 1000");
        let asking = (0..20).map(|id| {
            let question = question(id);
            tokio::spawn(async move { ask(to, "purse", &question).await.1 })
        });
        let mut said = Vec::new();
        for answer in asking.collect::<Vec<_>>() {
            said.push(answer.await.expect("an answer"));
        }
        let (mut record, mut expected) = (String::new(), Vec::new());
        for id in 0..20 {
            let served = store::serve(&record, &question(id), at).expect("a question");
            record = served.record.unwrap_or(record);
            expected.push(served.answer);
        }
        said.sort();
        expected.sort();
        assert_eq!(said, expected);
    });
}

#[test]
fn a_record_is_forgotten_when_its_time_is_over() {
    play(async {
        let (workerd, _folder) = start().await;
        let to = workerd.address("asker");
        let (from, at) = (now() - 10, now());
        let question = |id: u64, lasts: u64| format!("claim {from} {} {id} {at} 300 1000", at + lasts);
        assert_eq!(ask(to, "purse", &question(1, 2)).await, (200, "0 1".to_owned()));
        // The same window, as it would be if it were longer: what was promised in it is still known, and then it is not.
        assert_eq!(ask(to, "purse", &question(2, 1000)).await, (200, "300 1".to_owned()));
        assert_eq!(ask(to, "other", &question(1, 2)).await, (200, "0 1".to_owned()));
        tokio::time::sleep(Duration::from_secs(4)).await;
        assert_eq!(ask(to, "other", &question(3, 1000)).await, (200, "0 1".to_owned()));
        // Its alarm has come, too, and has looked for itself that the time was put off.
        assert_eq!(ask(to, "purse", &question(3, 1000)).await, (200, "600 1".to_owned()));
    });
}
