using System.Net.Sockets;
using Serving.Kubernetes.Client;

namespace Serving.Host;

/// <summary>Formats an exception for the command line: one line, without the types and the stack trace of a log.</summary>
internal static class PlainText
{
    /// <summary>The most specific message: the cause rather than the fact that something failed.</summary>
    public static string Of(Exception failure)
    {
        ArgumentNullException.ThrowIfNull(failure);
        var told = failure switch
        {
            AggregateException { InnerException: { } first } => Of(first),
            HttpRequestException { InnerException: SocketException socket } => $"{failure.Message} {socket.Message}",
            TypeInitializationException { InnerException: { } inner } => Of(inner),
            KubernetesException { Message.Length: > 0 } refused => $"the API server rejected the request: {refused.Message}",
            _ => failure.Message.Length > 0 ? failure.Message : failure.GetType().Name,
        };
        return string.Join(' ', told.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
    }
}
