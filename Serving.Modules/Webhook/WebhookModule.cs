using System.Net;
using System.Security.Authentication;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Certificates;
using Serving.ConfigMaps;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Leadership;

namespace Serving.Webhook;

/// <summary>
/// Admission: defaults and validates our kinds and validates ConfigMaps, in every replica. Not ready until the API server trusts the
/// certificate; a new certificate is used only after its authority has been registered.
/// </summary>
public sealed class WebhookModule : IServingModule, IDisposable
{
    private const string InstalledLabel = "app.kubernetes.io/name=knative-serving";
    private const int MaxConnections = 2048;
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan StuckAfter = TimeSpan.FromMinutes(10);

    private readonly WebhookOptions _options;
    private readonly ClusterEnvironment _environment;
    private readonly ConfigStore _config;
    private readonly ICertificateSource _source;
    private readonly WebhookRegistration _registration;
    private readonly RegistrationModule? _right;
    private readonly AdmissionEndpoints _endpoints;
    private readonly ILogger<WebhookModule> _logger;
    private readonly TimeProvider _time;
    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite }
    );
    private readonly IInformer<Api.Core.WebhookConfiguration>[] _configurations;
    private readonly Heartbeat _heartbeat;
    private readonly IDisposable _expiry;
    private volatile ServingCertificate? _certificate;
    private volatile string? _notReady = "the certificate is not in place yet";
    private volatile IKubernetesClient? _dryRuns;

    /// <param name="options">The listen address and the names of its objects.</param>
    /// <param name="environment">Provides the system namespace and the cluster's domain.</param>
    /// <param name="informers">Report changes of webhook configurations.</param>
    /// <param name="config">The configuration, for defaults and limits.</param>
    /// <param name="loggers">Creates the loggers.</param>
    /// <param name="time">The clock.</param>
    /// <param name="right">The permission to write the shared certificate and the configurations; null for always. Without it, existing
    /// objects are used.</param>
    public WebhookModule(
        WebhookOptions options,
        ClusterEnvironment environment,
        IInformers informers,
        ConfigStore config,
        ILoggerFactory loggers,
        TimeProvider time,
        RegistrationModule? right = null
    )
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(environment);
        ArgumentNullException.ThrowIfNull(informers);
        _options = options;
        _environment = environment;
        _config = config;
        _time = time;
        _right = right;
        _logger = loggers.CreateLogger<WebhookModule>();
        _heartbeat = new Heartbeat("updating the webhook registration", options.CheckInterval + StuckAfter, time);
        _configurations =
        [
            informers.For(Resources.MutatingWebhookConfigurations, null, InstalledLabel),
            informers.For(Resources.ValidatingWebhookConfigurations, null, InstalledLabel),
        ];
        _source = options.Url is { } url
            ? new TransientCertificate(url.IdnHost.Trim('[', ']'), time, loggers.CreateLogger<TransientCertificate>())
            : new CertificateSecret(
                new(environment.SystemNamespace, options.SecretName, options.ServiceName, environment.ClusterDomain),
                time,
                loggers.CreateLogger<CertificateSecret>()
            );
        _registration = new WebhookRegistration(options, environment.SystemNamespace);
        _expiry = ServedCertificates.Follow(Served);
        _endpoints = new AdmissionEndpoints(Handlers(), loggers, time);
        Port = new ServingPort("admission", new IPEndPoint(options.Address, options.Port))
        {
            MaxConnections = MaxConnections,
            Certificate = () =>
                _certificate?.Context ?? throw new AuthenticationException("the certificate of admission is not in place yet"),
            Serve = _endpoints.Map,
            NotFound = _endpoints.NotFound,
        };
    }

    /// <inheritdoc/>
    public string Name => "webhook";

    /// <inheritdoc/>
    public Activation Activation => Activation.Always;

    /// <inheritdoc/>
    public string? NotReadyReason => _notReady;

    /// <inheritdoc/>
    public string? StuckReason => _heartbeat.StuckReason;

    /// <summary>The port of admission. Handshakes fail there until the certificate exists.</summary>
    public ServingPort Port { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        _expiry.Dispose();
        _endpoints.Dispose();
    }

    /// <inheritdoc/>
    public async Task RunAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(client);
        var registrations = _configurations.Select(i => i.AddHandler(_ => Wake())).ToArray();
        if (_right is not null)
        {
            _right.Changed += Wake;
        }

        try
        {
            await _config.WaitForSyncAsync(cancellation);
            _dryRuns = client;
            await FirstCertificateAsync(client, cancellation);
            _logger.LogInformation("Admission is listening on {EndPoint}", Port.EndPoint);
            await KeepAsync(client, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            _logger.LogDebug("Admission has stopped");
        }
        finally
        {
            _heartbeat.Idle();
            _notReady = "stopped";
            foreach (var registration in registrations)
            {
                registration.Dispose();
            }

            if (_right is not null)
            {
                _right.Changed -= Wake;
            }
        }
    }

    private IEnumerable<ServedCertificate> Served()
    {
        var (ns, secret) = _options.Url is null ? (_environment.SystemNamespace, _options.SecretName) : ("", "");
        return _certificate is { } current ? [new(ServedCertificates.Webhook, ns, secret, current.NotAfter)] : [];
    }

    private Dictionary<string, Func<AdmissionRequest, CancellationToken, ValueTask<AdmissionAnswer>>> Handlers() =>
        new(StringComparer.Ordinal)
        {
            ["/defaulting"] = (request, _) =>
                ValueTask.FromResult(ResourceAdmission.Default(request, _config.Current, _environment.ClusterDomain)),
            ["/resource-validation"] = async (request, cancellation) =>
            {
                var answer = ResourceAdmission.Validate(request, _config.Current, _environment.ClusterDomain);
                return
                    answer.Refusal is null
                    && _dryRuns is { } client
                    && await PodSpecDryRun.CheckAsync(request, client, cancellation) is { } refusal
                    ? answer with
                    {
                        Refusal = refusal,
                    }
                    : answer;
            },
            ["/config-validation"] = (request, _) => ValueTask.FromResult(ConfigMapAdmission.Validate(request, _environment.ClusterDomain)),
        };

    // Once ready, the existing configuration is valid even if it cannot be written now: the replica stays ready and retries.
    private async Task KeepAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            _heartbeat.Beat();
            var wait = _options.CheckInterval;
            try
            {
                var (next, problem) = await RegisterAsync(client, cancellation);
                if (problem is not null)
                {
                    _logger.LogWarning("The admission webhook is not registered: {Problem}", problem);
                    _notReady = _notReady is null && !_registration.IsLost ? null : problem;
                    wait = RetryDelay;
                }
                else
                {
                    _certificate = next;
                    _notReady = null;
                }
            }
            catch (Exception error) when (error is KubernetesException or HttpRequestException or IOException or TimeoutException)
            {
                _logger.LogWarning(error, "Registering the admission webhook failed; retrying");
                wait = RetryDelay;
            }
            catch (LeaseLostException lost)
            {
                _logger.LogInformation("{Reason}; another process registers the admission webhook", lost.Message);
            }

            await WaitAsync(wait, cancellation);
        }
    }

    /// <summary>Updates the registration or, while another process may write, checks that its registration leads to us. Returns the
    /// certificate to use, and the problem.</summary>
    private async Task<(ServingCertificate? Certificate, string? Problem)> RegisterAsync(
        IKubernetesClient client,
        CancellationToken cancellation
    )
    {
        if ((_right is null ? client : _right.Client) is { } writer)
        {
            var made = await _source.EnsureAsync(writer, cancellation);
            return (made, await _registration.ApplyAsync(writer, made.Pems.Authorities, cancellation));
        }

        return await _source.ReadAsync(client, cancellation) is { } shared
            ? (shared, await WebhookRegistration.FindDistrustAsync(client, shared.Pems.Authorities, cancellation))
            : (null, "there is no certificate yet; another process is responsible for creating it");
    }

    private async Task FirstCertificateAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        while (_certificate is null)
        {
            await RepeatAsync(
                async () =>
                    _certificate = (_right is null ? client : _right.Client) is { } writer
                        ? await _source.EnsureAsync(writer, cancellation)
                        : await _source.ReadAsync(client, cancellation),
                cancellation
            );
            if (_certificate is null)
            {
                await WaitAsync(RetryDelay, cancellation);
            }
        }
    }

    private void Wake() => _wake.Writer.TryWrite(true);

    private async Task WaitAsync(TimeSpan longest, CancellationToken cancellation)
    {
        using var enough = new CancellationTokenSource(longest, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(enough.Token, cancellation);
        try
        {
            await _wake.Reader.ReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            _logger.LogTrace("Checking the webhook registration");
        }
    }

    private async Task RepeatAsync(Func<Task> work, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                await work();
                return;
            }
            catch (Exception error) when (error is KubernetesException or HttpRequestException or IOException or TimeoutException)
            {
                _notReady = $"the certificate is not in place yet: {error.Message}";
                _logger.LogWarning(error, "Reading or storing the certificate failed; retrying");
                await Task.Delay(RetryDelay, _time, cancellation);
            }
        }
    }
}
