using Serving.Api.Core;

namespace Serving.Api.Validation;

/// <summary>Validates probes; paths are relative to the probe.</summary>
internal static class ProbeValidation
{
    private const int MostPort = 65535;

    private static readonly string[] Handlers = ["exec", "httpGet", "tcpSocket", "grpc"];

    private static readonly string[] OpenFields =
    [
        .. Handlers,
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
        "terminationGracePeriodSeconds",
    ];

    /// <summary>Validates a liveness or startup probe.</summary>
    /// <param name="probe">The probe, or null.</param>
    /// <param name="port">The port of the serving container; null for another container, which must set a port.</param>
    public static FieldError Check(Probe? probe, ContainerPort? port)
    {
        if (probe is null)
        {
            return FieldError.None;
        }

        // Omitted fields get their defaults; a container is alive, or has started, at the first success.
        var errors =
            Handler(probe, port)
            + AtLeast(probe.PeriodSeconds, 0, "periodSeconds")
            + AtLeast(probe.InitialDelaySeconds, 0, "initialDelaySeconds")
            + AtLeast(probe.TimeoutSeconds, 0, "timeoutSeconds")
            + AtLeast(probe.FailureThreshold, 0, "failureThreshold");
        return probe.SuccessThreshold is { } successes and not (0 or 1)
            ? errors + FieldError.OutOfBounds(successes, 1, 1, "successThreshold")
            : errors;
    }

    private static FieldError Handler(Probe probe, ContainerPort? port)
    {
        // The name of each handler is added to all previous errors, as in the reference's texts.
        var errors = FieldMask.Check(probe, OpenFields);
        var handlers = new List<string>();
        if (probe.HttpGet is { } http)
        {
            handlers.Add("httpGet");
            errors =
                (errors + FieldMask.Check(http, "host", "path", "scheme", "httpHeaders", "port")).Via("httpGet")
                + Port(http.Port, port, "httpGet.port");
        }

        if (probe.TcpSocket is { } tcp)
        {
            handlers.Add("tcpSocket");
            errors = (errors + FieldMask.Check(tcp, "host", "port")).Via("tcpSocket") + Port(tcp.Port, port, "tcpSocket.port");
        }

        if (probe.Exec is { } exec)
        {
            handlers.Add("exec");
            errors = (errors + FieldMask.Check(exec, "command")).Via("exec");
        }

        if (probe.Grpc is { } grpc)
        {
            handlers.Add("gRPC");
            errors = (errors + FieldMask.Check(grpc, "port", "service")).Via("grpc") + Port(grpc.Port ?? 0, port, "grpc.port");
        }

        return handlers.Count switch
        {
            0 => errors + FieldError.MissingOneOf("httpGet", "tcpSocket", "exec", "grpc"),
            1 => errors,
            _ => errors + FieldError.MultipleOneOf([.. handlers]),
        };
    }

    /// <summary>Validates a readiness probe. A period of 0 means probing as fast as possible, without a failure threshold and a timeout of
    /// its own.</summary>
    public static FieldError CheckReadiness(Probe? probe, ContainerPort? port)
    {
        if (probe is null)
        {
            return FieldError.None;
        }

        var errors =
            Handler(probe, port)
            + AtLeast(probe.PeriodSeconds, 0, "periodSeconds")
            + AtLeast(probe.InitialDelaySeconds, 0, "initialDelaySeconds")
            + AtLeast(probe.SuccessThreshold, 1, "successThreshold");
        return probe.PeriodSeconds is not (null or 0)
            ? errors + AtLeast(probe.TimeoutSeconds, 1, "timeoutSeconds") + AtLeast(probe.FailureThreshold, 1, "failureThreshold")
            : errors
                + AbsentWithoutPeriod(probe.FailureThreshold, "failureThreshold")
                + AbsentWithoutPeriod(probe.TimeoutSeconds, "timeoutSeconds");
    }

    /// <summary>Validates a probe on a container that must not have one: every field is rejected, its handler under the probe's own
    /// name.</summary>
    public static FieldError CheckAbsent(Probe? probe)
    {
        if (probe is null)
        {
            return FieldError.None;
        }

        string[] fields =
        [
            .. FieldMask.SetFields(probe).Select(f => Handlers.Contains(f) ? "" : f).Distinct().Order(StringComparer.Ordinal),
        ];
        return fields.Length == 0 ? FieldError.None : FieldError.Disallowed(fields);
    }

    private static FieldError Port(IntOrString? target, ContainerPort? port, string path) =>
        (target ?? 0, port) switch
        {
            ({ Text.Length: > 0 } named, { } own) => named.Text == own.Name
                ? FieldError.None
                : FieldError.Invalid(named.Text, path, "Probe port must match container port"),
            ({ Text.Length: > 0 }, null) => FieldError.None,
            ({ Int: 0 } none, null) => FieldError.Invalid(none, path, "Probe port must be specified"),
            ({ Int: < 0 or > MostPort } number, _) => FieldError.OutOfBounds(number.Int, 1, MostPort, path),
            _ => FieldError.None,
        };

    private static FieldError AtLeast(int? value, int least, string field) =>
        (value ?? 0) < least ? FieldError.OutOfBounds(value ?? 0, least, int.MaxValue, field) : FieldError.None;

    private static FieldError AbsentWithoutPeriod(int? value, string field) =>
        value is null or 0 ? FieldError.None : FieldError.Generic($"{field} is disallowed when periodSeconds is zero", field);
}
