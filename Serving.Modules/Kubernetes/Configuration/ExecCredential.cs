using System.ComponentModel;
using System.Diagnostics;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;

namespace Serving.Kubernetes;

/// <summary>
/// A credential that a program prints (client.authentication.k8s.io ExecCredential), kept until it expires or is refused.
/// </summary>
internal sealed class ExecCredential(ExecCredential.Plugin plugin, TimeProvider time) : ICredentialSource, IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);
    private readonly SemaphoreSlim _one = new(1, 1);
    private volatile Answer? _answer;

    /// <summary>The program: where it is configured, what to run, and the protocol's version.</summary>
    internal sealed record Plugin(
        string File, string Field, string Command, IReadOnlyList<string> Arguments, IReadOnlyDictionary<string, string> Environment, string ApiVersion, string? ClusterInfo);

    public X509Certificate2? ClientCertificate => _answer?.Certificate;

    public async ValueTask<string?> GetAuthorizationAsync(bool refused, CancellationToken cancellation)
    {
        var before = _answer;
        if (before is not null && !refused && !Expired(before))
        {
            return before.Authorization;
        }

        await _one.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            if (_answer is { } current && !ReferenceEquals(current, before) && !Expired(current))
            {
                return current.Authorization;
            }

            var answer = Parse(await RunAsync(cancellation).ConfigureAwait(false));
            _answer = answer;
            return answer.Authorization;
        }
        finally
        {
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();

    private bool Expired(Answer answer) => answer.Expires is { } expires && time.GetUtcNow() >= expires - TimeSpan.FromSeconds(10);

    private async Task<string> RunAsync(CancellationToken cancellation)
    {
        var start = new ProcessStartInfo(plugin.Command) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (var argument in plugin.Arguments)
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var (name, value) in plugin.Environment)
        {
            start.Environment[name] = value;
        }

        var cluster = plugin.ClusterInfo is null ? "" : $",\"cluster\":{plugin.ClusterInfo}";
        start.Environment["KUBERNETES_EXEC_INFO"] =
            $"{{\"kind\":\"ExecCredential\",\"apiVersion\":\"{plugin.ApiVersion}\",\"spec\":{{\"interactive\":false{cluster}}}}}";

        using var process = Start(start);
        process.StandardInput.Close();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(Patience);
        try
        {
            var errors = process.StandardError.ReadToEndAsync(limit.Token);
            var output = await process.StandardOutput.ReadToEndAsync(limit.Token).ConfigureAwait(false);
            await process.WaitForExitAsync(limit.Token).ConfigureAwait(false);
            return process.ExitCode == 0
                ? output
                : throw Problem($"{plugin.Command} ended with {process.ExitCode}: {(await errors.ConfigureAwait(false)).Trim().ReplaceLineEndings(" ")}");
        }
        catch (OperationCanceledException) when (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
            cancellation.ThrowIfCancellationRequested();
            throw Problem($"{plugin.Command} gave no credential within {Patience.TotalSeconds:0} s");
        }
    }

    private Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start) ?? throw Problem($"{plugin.Command} cannot be started");
        }
        catch (Win32Exception error)
        {
            throw Problem($"{plugin.Command} cannot be started: {error.Message}", error);
        }
    }

    private Answer Parse(string output)
    {
        try
        {
            using var document = JsonDocument.Parse(output);
            if (!document.RootElement.TryGetProperty("status", out var status))
            {
                throw Problem($"{plugin.Command} printed no status");
            }

            var token = Text(status, "token");
            var certificate = Text(status, "clientCertificateData") is { } pem ? PemFiles.Certificate(pem, Text(status, "clientKeyData") ?? pem) : null;
            DateTimeOffset? expires = status.TryGetProperty("expirationTimestamp", out var at) && at.ValueKind == JsonValueKind.String ? at.GetDateTimeOffset() : null;
            return new Answer(token is null ? null : $"Bearer {token}", certificate, expires);
        }
        catch (JsonException error)
        {
            throw Problem($"{plugin.Command} printed no ExecCredential: {error.Message}", error);
        }
    }

    private static string? Text(JsonElement from, string name)
        => from.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text ? text : null;

    private KubernetesConfigurationException Problem(string problem, Exception? inner = null) => new(plugin.File, plugin.Field, problem, inner);

    private sealed record Answer(string? Authorization, X509Certificate2? Certificate, DateTimeOffset? Expires);
}
