using System.Globalization;
using System.Net;
using Serving.Benchmarks.Load;
using Serving.Benchmarks.Report.Model;

namespace Serving.Benchmarks.Processes;

/// <summary>h2load: HTTP/1.1 or HTTP/2, in clear text or over TLS. It does not verify certificates.</summary>
/// <param name="Protocol">The protocol and the connections.</param>
/// <param name="Server">The server.</param>
/// <param name="Host">The host of the requests and of the handshakes.</param>
internal sealed record H2Load(LoadProtocol Protocol, IPEndPoint Server, string Host) : IClosedLoad
{
    private const string Name = "h2load";

    /// <summary>The cipher suite of TLS 1.3. Servers differ in which one they prefer.</summary>
    public const string CipherSuite = "TLS_AES_128_GCM_SHA256";

    /// <summary>Whether it is installed.</summary>
    public static bool IsInstalled { get; } = Programs.Find(Name) is not null;

    /// <inheritdoc/>
    public async Task<LoadSummary> RunAsync(TimeSpan duration)
    {
        // It appends to a log that exists.
        var directory = Directory.CreateTempSubdirectory("serving-h2load-");
        try
        {
            var log = Path.Combine(directory.FullName, "log");

            // It does not end when the duration passes before its connections are made.
            var text = await Programs.RunAsync(Name, Arguments(duration, log), duration + IClosedLoad.EndLimit);
            var output = H2LoadOutput.Parse(text, File.ReadLines(log), duration);
            return output.Protocol == Protocol.Identifier
                ? output.Load
                : throw new InvalidOperationException($"{Server} speaks {output.Protocol} instead of {Protocol.Identifier}.");
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    /// <summary>Its command line.</summary>
    /// <param name="duration">In whole seconds, at least one.</param>
    /// <param name="log">The file that gets a line for each response.</param>
    internal IReadOnlyList<string> Arguments(TimeSpan duration, string log) =>
        [
            .. Protocol.Identifier == "http/1.1" ? (string[])["--h1"] : [],
            "--threads=1",
            string.Create(CultureInfo.InvariantCulture, $"--clients={Protocol.Connections}"),
            string.Create(CultureInfo.InvariantCulture, $"--max-concurrent-streams={Protocol.Streams}"),
            string.Create(CultureInfo.InvariantCulture, $"--duration={Math.Max(1, duration.TotalSeconds):0}"),
            $"--tls13-ciphers={CipherSuite}",
            $"--connect-to={Server}",
            $"--log-file={log}",
            $"{(Protocol.HasTls ? "https" : "http")}://{Host}/",
        ];
}
