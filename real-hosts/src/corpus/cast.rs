//! Servers that play the providers of a configuration, one case at a time.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use pointsman_corpus::{Answer, Case, Cuts};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::recorder::{Recorded, parse};

/// One server for each provider.
pub(super) struct Cast {
    servers: BTreeMap<String, (SocketAddr, JoinHandle<()>)>,
    stage: Arc<Mutex<Stage>>,
}

/// What is played, and what was received.
struct Stage {
    case: Option<Case>,
    cuts: Cuts,
    received: Vec<(String, Recorded)>,
}

impl Cast {
    pub(super) async fn start(names: &[&str]) -> Self {
        let stage = Arc::new(Mutex::new(Stage { case: None, cuts: Cuts::none(), received: Vec::new() }));
        let mut servers = BTreeMap::new();
        for name in names {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
            let address = listener.local_addr().expect("an address");
            let (provider, stage) = ((*name).to_owned(), Arc::clone(&stage));
            let server = tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, provider.clone(), Arc::clone(&stage)));
                }
            });
            servers.insert((*name).to_owned(), (address, server));
        }
        Self { servers, stage }
    }

    pub(super) fn address(&self, provider: &str) -> SocketAddr {
        self.servers[provider].0
    }

    /// From now on this case is played.
    pub(super) fn rehearse(&self, case: &Case, cuts: Cuts) {
        let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        *stage = Stage { case: Some(case.clone()), cuts, received: Vec::new() };
    }

    /// What was received of it so far, by upstream.
    pub(super) fn received(&self) -> Vec<(String, Recorded)> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner).received.clone()
    }
}

impl Drop for Cast {
    fn drop(&mut self) {
        self.servers.values().for_each(|(_, server)| server.abort());
    }
}

/// One connection, for one request.
async fn serve(mut stream: TcpStream, provider: String, stage: Arc<Mutex<Stage>>) {
    let (mut bytes, mut piece) = (Vec::new(), vec![0; 64 * 1024]);
    let request = loop {
        match stream.read(&mut piece).await {
            Ok(count) if count > 0 => bytes.extend_from_slice(&piece[..count]),
            _ => return,
        }
        if let Some(request) = parse(&bytes, 0).into_iter().next() {
            break request;
        }
    };
    let answer = {
        let mut stage = stage.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(case) = stage.case.clone() else { return };
        // A provider that a tier lists twice is asked in the order of the tier.
        let again = stage.received.iter().filter(|(upstream, _)| upstream.starts_with(&provider)).count();
        let upstream = if again == 0 { provider } else { format!("{provider}.{}", again + 1) };
        stage.received.push((upstream.clone(), request));
        let answer = case.answer(&upstream).clone();
        let pieces: Vec<Vec<u8>> =
            stage.cuts.pieces(&answer.body.0).into_iter().map(<[u8]>::to_vec).collect();
        (answer, pieces)
    };
    // Whoever has gone away has gone away.
    let _ = play(&mut stream, answer).await;
}

async fn play(stream: &mut TcpStream, (answer, pieces): (Answer, Vec<Vec<u8>>)) -> std::io::Result<()> {
    if answer.reset {
        return Ok(());
    }
    stream.set_nodelay(true)?;
    let chunked = answer.cut
        || answer.headers.get("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"));
    let mut head = format!("HTTP/1.1 {} Played\r\nconnection: close\r\n", answer.status).into_bytes();
    for (name, value) in answer.pairs() {
        head.extend_from_slice(format!("{name}: ").as_bytes());
        head.extend_from_slice(value);
        head.extend_from_slice(b"\r\n");
    }
    let framing = match chunked {
        true => "transfer-encoding: chunked\r\n\r\n".to_owned(),
        false => format!("content-length: {}\r\n\r\n", answer.body.0.len()),
    };
    head.extend_from_slice(framing.as_bytes());
    stream.write_all(&head).await?;
    for piece in &pieces {
        if chunked {
            stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await?;
        }
        stream.write_all(piece).await?;
        if chunked {
            stream.write_all(b"\r\n").await?;
        }
        tokio::task::yield_now().await;
    }
    if chunked && !answer.cut {
        stream.write_all(b"0\r\n\r\n").await?;
    }
    stream.flush().await
}
