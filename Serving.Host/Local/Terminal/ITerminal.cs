namespace Serving.Host.Local.Terminal;

/// <summary>The output of <c>local</c>.</summary>
internal interface ITerminal
{
    /// <summary>Prints one line of progress.</summary>
    void Line(string text);

    /// <summary>Shows the cluster until cancelled.</summary>
    Task ShowAsync(ClusterView view, string title, CancellationToken cancellation);
}
