using Serving.Concurrency.Sockets;
using Serving.Host;

InlineCompletions.Enable();
CommandLine.WatchThreads(Console.Error);
return await CommandLine.InvokeAsync(CommandLine.Create(), args, Console.Error);
