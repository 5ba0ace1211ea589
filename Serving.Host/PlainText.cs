using System.Net.Sockets;
using Serving.Kubernetes.Client;

namespace Serving.Host;

/// <summary>What a person reads of an exception: one line, without the types and the stack that a log has.</summary>
internal static class PlainText
{
    /// <summary>The message that says most: what something failed of, and not that it failed.</summary>
    public static string Of(Exception failure)
    {
        ArgumentNullException.ThrowIfNull(failure);
        var told = failure switch
        {
            AggregateException { InnerException: { } first } => Of(first),
            HttpRequestException { InnerException: SocketException socket } => $"{failure.Message} {socket.Message}",
            TypeInitializationException { InnerException: { } inner } => Of(inner),
            KubernetesException { Message.Length: > 0 } refused => $"the API server refused: {refused.Message}",
            _ => failure.Message.Length > 0 ? failure.Message : failure.GetType().Name,
        };
        return string.Join(' ', told.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
    }
}
