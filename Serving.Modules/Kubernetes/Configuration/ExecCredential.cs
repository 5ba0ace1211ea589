using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.ExceptionServices;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;

namespace Serving.Kubernetes;

/// <summary>
/// A credential that a program prints (client.authentication.k8s.io ExecCredential), kept until it expires or is refused. Invariants: the
/// program runs once at a time whoever asks, no caller's deadline ends it, and after a failure it is left alone for a moment.
/// </summary>
/// <param name="plugin">The program.</param>
/// <param name="time">The clock by which credentials expire.</param>
/// <param name="terminal">Whether somebody sits at a terminal; looked at when null.</param>
internal sealed class ExecCredential(ExecCredential.Plugin plugin, TimeProvider time, bool? terminal = null) : ICredentialSource
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    /// <summary>What a person may take to answer the program.</summary>
    private static readonly TimeSpan TerminalPatience = TimeSpan.FromMinutes(4);

    private static readonly TimeSpan RestAfterFailure = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Early = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private readonly bool _hasTerminal = terminal ?? !Console.IsInputRedirected;
    private volatile Answer? _answer;
    private Task<Answer>? _running;
    private Failure? _failure;

    /// <summary>The program: where it is configured, what to run, and the protocol's version.</summary>
    internal sealed record Plugin(
        string File, string Field, string Command, IReadOnlyList<string> Arguments, IReadOnlyDictionary<string, string> Environment, string ApiVersion, string? ClusterInfo)
    {
        /// <summary>Whether it may talk to a person: <c>Never</c>, <c>IfAvailable</c> or <c>Always</c>.</summary>
        public string InteractiveMode { get; init; } = "IfAvailable";

        /// <summary>How to install it, for whoever does not have it.</summary>
        public string InstallHint { get; init; } = "";
    }

    public X509Certificate2? ClientCertificate => _answer?.Certificate;

    private bool IsInteractive => plugin.InteractiveMode != "Never" && _hasTerminal;

    /// <summary>Throws <see cref="CredentialException"/> when the program fails, <see cref="KubernetesConfigurationException"/> when it cannot be run at all.</summary>
    public async ValueTask<string?> GetAuthorizationAsync(bool refused, CancellationToken cancellation)
    {
        Task<Answer> running;
        lock (_lock)
        {
            if (_answer is { } known && !refused && !Expired(known))
            {
                return known.Authorization;
            }

            if (_running is null && _failure is { } failure && time.GetElapsedTime(failure.At) < RestAfterFailure)
            {
                ExceptionDispatchInfo.Throw(failure.Error);
            }

            running = _running ??= Task.Run(AskAsync, CancellationToken.None);
        }

        return (await running.WaitAsync(cancellation).ConfigureAwait(false)).Authorization;
    }

    private bool Expired(Answer answer) => answer.Expires is { } expires && time.GetUtcNow() >= expires - Early;

    private async Task<Answer> AskAsync()
    {
        try
        {
            var answer = Parse(await RunAsync().ConfigureAwait(false));
            lock (_lock)
            {
                (_answer, _running, _failure) = (answer, null, null);
            }

            return answer;
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

    private async Task<string> RunAsync()
    {
        if (plugin.InteractiveMode == "Always" && !_hasTerminal)
        {
            throw new KubernetesConfigurationException(
                plugin.File, plugin.Field, $"{plugin.Command} wants to talk to a person (interactiveMode: Always), but standard input is not a terminal");
        }

        using var process = Start();
        var errors = IsInteractive ? Task.FromResult("") : process.StandardError.ReadToEndAsync(CancellationToken.None);
        if (!IsInteractive)
        {
            process.StandardInput.Close();
        }

        var patience = IsInteractive ? TerminalPatience : Patience;
        using var limit = new CancellationTokenSource(patience);
        try
        {
            var output = await process.StandardOutput.ReadToEndAsync(limit.Token).ConfigureAwait(false);
            await process.WaitForExitAsync(limit.Token).ConfigureAwait(false);
            return process.ExitCode == 0
                ? output
                : throw Problem($"{plugin.Command} ended with {process.ExitCode}: {(await errors.WaitAsync(limit.Token).ConfigureAwait(false)).Trim()}");
        }
        catch (OperationCanceledException late)
        {
            // It, or something it started that still holds its output.
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }

            throw Problem($"{plugin.Command} gave no credential within {patience.TotalSeconds:0} s", late);
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
            throw new KubernetesConfigurationException(plugin.File, plugin.Field, $"{plugin.Command} cannot be started: {Line(error.Message)}{hint}", error);
        }
    }

    private Answer Parse(string output)
    {
        try
        {
            using var document = JsonDocument.Parse(output);
            if (document.RootElement is not { ValueKind: JsonValueKind.Object } root || !root.TryGetProperty("status", out var status) || status.ValueKind != JsonValueKind.Object)
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

            DateTimeOffset? expires = status.TryGetProperty("expirationTimestamp", out var at) && at.ValueKind != JsonValueKind.Null ? at.GetDateTimeOffset() : null;
            return new Answer(token is null ? null : $"Bearer {token}", certificate is null ? null : PemFiles.Certificate(certificate, key!), expires);
        }
        catch (Exception error) when (error is JsonException or FormatException or InvalidOperationException or CryptographicException)
        {
            throw Problem($"{plugin.Command} printed no ExecCredential: {error.Message}", error);
        }
    }

    private static string? Text(JsonElement from, string name)
        => from.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text ? text : null;

    private static string Line(string text) => text.ReplaceLineEndings(" ");

    private CredentialException Problem(string problem, Exception? inner = null) => new(plugin.File, plugin.Field, Line(problem), inner);

    private sealed record Answer(string? Authorization, X509Certificate2? Certificate, DateTimeOffset? Expires);

    private sealed record Failure(Exception Error, long At);
}
