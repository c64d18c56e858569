use std::ffi::OsString;
use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::{CommandFactory, FromArgMatches};
use salus_client::chain::Chain;
use salus_client::vault::Reach;
use salus_vault::chain::NodeLedger;
use salus_vault::config::{self, CheckStorage, Config};
use salus_vault::connections::{self, Limits};
use salus_vault::copies::{copier::Copier, peers::Peers};
use salus_vault::patience::Patience;
use salus_vault::{log, operator, server, system_clock, Vault};
use tokio::net::TcpListener;
use tokio::signal::unix::{signal, SignalKind};

/// One each second. A node that was started together with the vault needs a moment, minutes if the
/// machine is busy.
const NODE_ATTEMPTS: u32 = 300;
/// Downloads under way may finish for so long after SIGTERM.
const SHUTDOWN: Duration = Duration::from_secs(20);

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments: Vec<_> = std::env::args_os().collect();
    let checks = arguments.get(1).is_some_and(|word| word == "check-storage");
    let done = match checks {
        true => {
            arguments.remove(1);
            check(read(arguments)).await
        }
        false => run(read(arguments)).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // It may quote what another machine has answered.
            let _ = writeln!(
                std::io::stderr(),
                "Error: {}",
                log::escaped(&format!("{error:#}"))
            );
            ExitCode::FAILURE
        }
    }
}

fn read<P: CommandFactory + FromArgMatches>(arguments: Vec<OsString>) -> P {
    config::parse(arguments).unwrap_or_else(|error| error.exit())
}

async fn check(config: CheckStorage) -> anyhow::Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    config.storage.open()?.check().await?;
    writeln!(
        std::io::stdout(),
        "the storage takes, gives, lists and forgets: a vault can use it"
    )?;
    Ok(())
}

async fn run(config: Config) -> anyhow::Result<()> {
    log::init(config.log_style());
    // TLS towards the node and S3 needs one; that it is there already is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let key = config.key()?;
    let account = key.account();
    // Before anything else: an address in use, or a folder that cannot be written, need no node.
    let store = config.storage.open()?;
    let _claim = config.claim()?;
    let checked = store.check().await;
    checked.context("the storage cannot be trusted with patients' files")?;
    let identity = config.identity()?;
    let listener = bind(config.listen, "--listen").await?;
    let listening = listener.local_addr()?;
    let figures = bind(config.operator_listen()?, "--metrics-listen").await?;
    let figures_at = figures.local_addr()?;

    let chain = connect(&config.node).await?;
    let settings = config.settings(listening, chain.genesis(), account, identity)?;
    let origin = settings.audience.origin.clone();
    let reach = match config.insecure_http || chain.is_development().await? {
        true => Reach::Development,
        false => Reach::Public,
    };
    let peers = Peers::new(key.clone(), chain.genesis(), reach);
    let ledger = Arc::new(NodeLedger::new(chain, key));
    let vault = Vault::open(settings, ledger, store, system_clock()).await?;

    match vault.unfit().await {
        Ok(None) => {}
        Ok(Some(wrong)) => anyhow::bail!(wrong),
        // It answers 503 until the chain can be asked.
        Err(error) => tracing::warn!(%error, "whose service account this is cannot be seen yet"),
    }

    tokio::spawn(vault.deliveries.clone().run());
    tokio::spawn(vault.reads.clone().run());
    tokio::spawn(vault.clone().keep_identity_published());
    let copier = Copier::new(vault.clone(), peers, config.pace());
    tokio::spawn(Arc::new(copier).run());
    tokio::spawn(every(
        config.sweep_every,
        vault.clone(),
        |vault| async move { vault.sweep().await.map(|_| ()) },
    ));
    tokio::spawn(every(
        config.audit_every,
        vault.clone(),
        |vault| async move { vault.audit().await.map(|_| ()) },
    ));

    let (stopping, mut stopped) = tokio::sync::watch::channel(false);
    let serve = |listener, router, limits| {
        let memory = vault.memory.clone();
        connections::serve(
            listener,
            router,
            limits,
            Patience::PEOPLE,
            memory,
            stopping.subscribe(),
        )
    };
    tokio::spawn(serve(
        figures,
        operator::router(vault.clone()),
        Limits::OPERATOR,
    ));
    let serving = tokio::spawn(serve(
        listener,
        server::router(vault.clone()),
        Limits::PEOPLE,
    ));

    let ready = serde_json::json!({
        "url": format!("http://{listening}"),
        "origin": origin,
        "metrics": format!("http://{figures_at}/metrics"),
    })
    .to_string();
    if let Some(file) = &config.ready_file {
        std::fs::write(file, format!("{ready}\n"))
            .with_context(|| format!("cannot write the ready file {}", file.display()))?;
    }
    writeln!(std::io::stdout(), "{ready}")?;
    tracing::info!(%listening, organisation = config.organisation, "the vault is ready");

    tokio::spawn(async move {
        // Without handlers the process would only end by being killed, which it survives, too.
        if let Err(error) = asked_to_stop().await {
            tracing::error!(%error, "signals cannot be awaited");
            std::future::pending::<()>().await;
        }
        tracing::info!("stopping: no new requests");
        let _ = stopping.send(true);
    });
    tokio::select! {
        served = serving => served?,
        () = async {
            let _ = stopped.wait_for(|stopping| *stopping).await;
            tokio::time::sleep(SHUTDOWN).await;
        } => tracing::warn!("some downloads did not end in time and are cut"),
    }
    Ok(())
}

async fn bind(address: SocketAddr, option: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}: choose another {option}"))
}

async fn asked_to_stop() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

async fn connect(url: &str) -> anyhow::Result<Chain> {
    let mut attempt = 1;
    loop {
        match Chain::connect(url, None).await {
            Ok(chain) => return Ok(chain),
            Err(error) if error.is_transport() && attempt < NODE_ATTEMPTS => {
                tracing::info!(attempt, %error, "waiting for the node");
                attempt += 1;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

async fn every<F>(seconds: u64, vault: Arc<Vault>, work: impl Fn(Arc<Vault>) -> F)
where
    F: std::future::Future<Output = Result<(), salus_vault::error::ApiError>>,
{
    let mut interval = tokio::time::interval(Duration::from_secs(seconds.max(1)));
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        if let Err(error) = work(vault.clone()).await {
            tracing::warn!(%error, "cleaning up was put off");
        }
    }
}
