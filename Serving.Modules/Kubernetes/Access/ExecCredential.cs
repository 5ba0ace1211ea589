using System.ComponentModel;
using System.Diagnostics;
using System.Net.Http.Headers;
using System.Runtime.ExceptionServices;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;

namespace Serving.Kubernetes.Access;

/// <summary>
/// A credential from an exec plugin (client.authentication.k8s.io ExecCredential), cached until it expires or is rejected. The package's
/// own provider accepts tokens only, runs the program once per caller and splits arguments at spaces. Invariants: the program runs once at
/// a time for any number of callers, no caller's deadline ends it, and after a failure it is not run again for a moment.
/// </summary>
/// <param name="plugin">The program.</param>
/// <param name="time">The clock for expiry.</param>
/// <param name="terminal">Whether standard input is a terminal; detected when null.</param>
internal sealed class ExecCredential(ExecPlugin plugin, TimeProvider time, bool? terminal = null) : IRefreshableCredential
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);

    /// <summary>How long a user may take to respond to the program.</summary>
    private static readonly TimeSpan InteractiveLimit = TimeSpan.FromMinutes(4);

    private static readonly TimeSpan RestAfterFailure = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Early = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private readonly bool _hasTerminal = terminal ?? !Console.IsInputRedirected;
    private volatile Printed? _printed;
    private bool _refused;
    private Task<Printed>? _running;
    private Failure? _failure;

    public X509Certificate2? ClientCertificate => _printed?.Certificate;

    private bool IsInteractive => plugin.InteractiveMode != "Never" && _hasTerminal;

    /// <summary>
    /// The header, or null when the program prints certificates only. Throws <see cref="CredentialException"/> when it fails, and
    /// <see cref="KubernetesConfigurationException"/> when it cannot be run at all.
    /// </summary>
    public async Task<AuthenticationHeaderValue> GetAuthenticationHeaderAsync(CancellationToken cancellationToken)
    {
        Task<Printed> running;
        lock (_lock)
        {
            if (_printed is { } known && !_refused && !Expired(known))
            {
                return known.Header!;
            }

            if (_running is null && _failure is { } failure && time.GetElapsedTime(failure.At) < RestAfterFailure)
            {
                ExceptionDispatchInfo.Throw(failure.Error);
            }

            running = _running ??= Task.Run(RunAsync, CancellationToken.None);
        }

        return (await running.WaitAsync(cancellationToken)).Header!;
    }

    public void Refuse(AuthenticationHeaderValue? header, X509Certificate2? certificate)
    {
        lock (_lock)
        {
            _refused |= _printed is { } known && Equals(known.Header, header) && Equals(known.Certificate, certificate);
        }
    }

    private bool Expired(Printed printed) => printed.Expires is { } expires && time.GetUtcNow() >= expires - Early;

    private async Task<Printed> RunAsync()
    {
        try
        {
            var printed = Parse(await OutputAsync());
            lock (_lock)
            {
                (_printed, _refused, _running, _failure) = (printed, false, null, null);
            }

            return printed;
        }
        catch (Exception error)
        {
            lock (_lock)
            {
                (_running, _failure) = (null, new Failure(error, time.GetTimestamp()));
            }

            throw;
        }
    }

    private async Task<string> OutputAsync()
    {
        if (plugin.InteractiveMode == "Always" && !_hasTerminal)
        {
            throw new KubernetesConfigurationException(
                plugin.File,
                plugin.Field,
                $"{plugin.Command} needs to prompt the user (interactiveMode: Always), but standard input is not a terminal"
            );
        }

        using var process = Start();
        var errors = IsInteractive ? Task.FromResult("") : process.StandardError.ReadToEndAsync(CancellationToken.None);
        if (!IsInteractive)
        {
            process.StandardInput.Close();
        }

        var longest = IsInteractive ? InteractiveLimit : Limit;
        using var limit = new CancellationTokenSource(longest);
        try
        {
            var output = await process.StandardOutput.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            return process.ExitCode == 0
                ? output
                : throw Problem($"{plugin.Command} ended with {process.ExitCode}: {(await errors.WaitAsync(limit.Token)).Trim()}");
        }
        catch (OperationCanceledException late)
        {
            // The program still runs, or a child process of it holds its output open.
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }

            throw Problem($"{plugin.Command} returned no credential within {longest.TotalSeconds:0} s", late);
        }
    }

    private Process Start()
    {
        var start = new ProcessStartInfo(plugin.Command, plugin.Arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = !IsInteractive,
            RedirectStandardInput = !IsInteractive,
        };
        foreach (var (name, value) in plugin.Environment)
        {
            start.Environment[name] = value;
        }

        var cluster = plugin.ClusterInfo is null ? "" : $",\"cluster\":{plugin.ClusterInfo}";
        start.Environment["KUBERNETES_EXEC_INFO"] =
            $"{{\"kind\":\"ExecCredential\",\"apiVersion\":\"{plugin.ApiVersion}\",\"spec\":{{\"interactive\":{(IsInteractive ? "true" : "false")}{cluster}}}}}";
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception error)
        {
            var hint = plugin.InstallHint.Length == 0 ? "" : $"; {Line(plugin.InstallHint)}";
            throw new KubernetesConfigurationException(
                plugin.File,
                plugin.Field,
                $"{plugin.Command} cannot be started: {Line(error.Message)}{hint}",
                error
            );
        }
    }

    private Printed Parse(string output)
    {
        try
        {
            using var document = JsonDocument.Parse(output);
            if (
                document.RootElement is not { ValueKind: JsonValueKind.Object } root
                || !root.TryGetProperty("status", out var status)
                || status.ValueKind != JsonValueKind.Object
            )
            {
                throw Problem($"{plugin.Command} printed no status");
            }

            if (Text(root, "apiVersion") is { } version && version != plugin.ApiVersion)
            {
                throw Problem($"{plugin.Command} is configured to use {plugin.ApiVersion} and printed {version}");
            }

            var (token, certificate, key) = (Text(status, "token"), Text(status, "clientCertificateData"), Text(status, "clientKeyData"));
            if (certificate is null != key is null)
            {
                throw Problem($"{plugin.Command} printed only one of certificate and key");
            }

            if (token is null && certificate is null)
            {
                throw Problem($"{plugin.Command} printed neither a token nor a certificate");
            }

            DateTimeOffset? expires =
                status.TryGetProperty("expirationTimestamp", out var at) && at.ValueKind != JsonValueKind.Null
                    ? at.GetDateTimeOffset()
                    : null;
            return new Printed(
                token is null ? null : new AuthenticationHeaderValue("Bearer", token),
                certificate is null ? null : Kubeconfig.CertificateOf(certificate, key!),
                expires
            );
        }
        catch (Exception error) when (error is JsonException or FormatException or InvalidOperationException or CryptographicException)
        {
            throw Problem($"{plugin.Command} printed no ExecCredential: {error.Message}", error);
        }
    }

    private static string? Text(JsonElement from, string name) =>
        from.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text
            ? text
            : null;

    private static string Line(string text) => text.ReplaceLineEndings(" ");

    private CredentialException Problem(string problem, Exception? inner = null) => new(plugin.File, plugin.Field, Line(problem), inner);

    private sealed record Printed(AuthenticationHeaderValue? Header, X509Certificate2? Certificate, DateTimeOffset? Expires);

    private sealed record Failure(Exception Error, long At);
}
