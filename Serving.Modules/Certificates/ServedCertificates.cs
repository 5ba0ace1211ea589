using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Serving.Instruments;

namespace Serving.Certificates;

/// <summary>
/// When the certificates that this process serves expire, and those that it requests for queue-proxies. The authorities that we make expire
/// with their certificates. Invariant: a certificate has a series while the part that knows it is followed, so one that is no longer in use
/// has none.
/// </summary>
public static class ServedCertificates
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "Serving.Certificates";

    /// <summary>Admission.</summary>
    public const string Webhook = "webhook";

    /// <summary>Activators, for gateways, with system-internal-tls.</summary>
    public const string SystemInternal = "system-internal";

    /// <summary>The hosts of Ingresses, for clients of the gateway.</summary>
    public const string Gateway = "gateway";

    /// <summary>The sidecars of a namespace, for activators and gateways, with system-internal-tls.</summary>
    public const string QueueProxy = "queue-proxy";

    private static readonly MetricAttribute Purpose = new("purpose", "`webhook`, `system-internal`, `gateway` or `queue-proxy`");
    private static readonly MetricAttribute Namespace = new(
        "k8s.namespace.name",
        "the namespace of the Secret; empty when the certificate is not stored"
    );
    private static readonly MetricAttribute Secret = new("k8s.secret.name", "the Secret; empty when the certificate is not stored");

    private static readonly Meter Meter = new(MeterName);
    private static readonly ConcurrentDictionary<Source, byte> Sources = new();

    static ServedCertificates() =>
        Meter
            .CreateObservableGauge(
                "serving.certificate.expiration.timestamp",
                Observe,
                "s",
                "When a served certificate expires, in seconds since 1970"
            )
            .With(Purpose, Namespace, Secret);

    /// <summary>Exports the certificates of a part of the process until the result is disposed. The function is called when metrics are
    /// collected, on any thread.</summary>
    public static IDisposable Follow(Func<IEnumerable<ServedCertificate>> served)
    {
        ArgumentNullException.ThrowIfNull(served);
        var source = new Source(served);
        Sources.TryAdd(source, 0);
        return source;
    }

    private static IEnumerable<Measurement<long>> Observe() =>
        from source in Sources.Keys
        from certificate in source.Served()
        select new Measurement<long>(
            certificate.NotAfter.ToUnixTimeSeconds(),
            Purpose.Of(certificate.Purpose),
            Namespace.Of(certificate.Namespace),
            Secret.Of(certificate.Secret)
        );

    private sealed class Source(Func<IEnumerable<ServedCertificate>> served) : IDisposable
    {
        public Func<IEnumerable<ServedCertificate>> Served => served;

        public void Dispose() => Sources.TryRemove(this, out _);
    }
}
